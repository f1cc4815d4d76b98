// The convolution explorer: cells, animation, settings and refusals, each number as torch has it.
import type { IJupyterLabPageFixture } from "@jupyterlab/galata";
import type { Locator } from "@playwright/test";
import { violations } from "../axe";
import {
  clickCell,
  explorers,
  explorerShown,
  field,
  fill,
  lines,
  plane,
  pointAt,
} from "../convolution_explorer_page";
import { type Kernel, KERNELS, openNotebook, runAll, runInKernel, watchErrors } from "../lab";
import { button, holds, python } from "../playground_page";
import { expect, test } from "../test";

const GUIDE = "import dl_lab\nexplorer = dl_lab.ConvolutionExplorer()\nexplorer";
const OWN = `import dl_lab, torch
from torch import nn
torch.manual_seed(0)
layer = nn.Conv2d(3, 8, 3, stride=2)
explorer = dl_lab.ConvolutionExplorer(layer, torch.randn(3, 8, 8))
explorer`;

async function open(page: IJupyterLabPageFixture, tmpPath: string, cell: string, kernel: Kernel = "ipykernel-7.4") {
  await openNotebook(page, tmpPath, [cell], { kernel });
  await runAll(page);
  const view = explorers(page);
  await explorerShown(view);
  return view;
}

async function choose(view: Locator, setting: string, value: string): Promise<void> {
  await view.locator(`select[data-setting="${setting}"]`).selectOption(value);
}

for (const kernel of KERNELS) {
  test(`shows what touches what on ${kernel}`, async ({ page, tmpPath }) => {
    const errors = watchErrors(page);
    const view = await open(page, tmpPath, GUIDE, kernel);

    await test.step("an output, an input and a weight under the pointer", async () => {
      await pointAt(plane(view, "output"), 1, 2);
      await expect(lines(view)).toHaveText(
        "y[0, 1, 2] = 1·0 + 3·1 + 1·2 + 2·2 + 2·2 + 3·0 + 0·0 + 2·1 + 2·2 = 19",
      );
      await pointAt(plane(view, "input"), 0, 1);
      await expect(lines(view)).toHaveText(
        "x[0, 0, 1] = 3 goes into 2 outputs: y[0, 0, 0] ×1; y[0, 0, 1] ×0",
      );
      await pointAt(plane(view, "weight"), 0, 2);
      await expect(lines(view)).toHaveText("w[0, 0, 0, 2] = 2 meets 9 inputs, for 9 outputs.");
    });

    await test.step("a click pins it, another lets go", async () => {
      await clickCell(plane(view, "output"), 2, 0);
      await button(view, "Help").hover();
      await expect(view).toHaveAttribute("data-focus", "output 0 2 0");
      await view.locator(".dl-unpin").click();
      await expect(view.locator(".dl-unpin")).toBeHidden();
    });

    await test.step("play, pause, step and scrub", async () => {
      await button(view, "Back to the first output").click();
      await expect(view).toHaveAttribute("data-focus", "output 0 0 0");
      await view.locator(".dl-play").click();
      await expect(view).toHaveAttribute("data-focus", "output 0 1 1");
      await view.locator(".dl-play").click();
      await expect(view).toHaveAttribute("data-playing", "false");
      await view.getByRole("slider", { name: "Output cell" }).fill("7");
      await expect(view).toHaveAttribute("data-focus", "output 0 2 1");
      await button(view, "Next output").click();
      await button(view, "Next output").click();
      await expect(view).toHaveAttribute("data-focus", "output 0 0 0");
    });

    await test.step("arrow keys go from cell to cell", async () => {
      await plane(view, "input").focus();
      await page.keyboard.press("Home");
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("ArrowRight");
      await expect(view).toHaveAttribute("data-focus", "input 0 1 1");
      await page.keyboard.press("Enter");
      await expect(view.locator(".dl-unpin")).toBeVisible();
      await page.keyboard.press("Escape");
      await expect(view.locator(".dl-unpin")).toBeHidden();
    });

    await test.step("what torch refuses is said, and the last picture stays", async () => {
      await fill(view, "kernel_size", "7");
      const why = view.locator(".dl-impossible span");
      await expect(why).toContainText("Kernel size can't be greater than actual input size");
      await expect(field(view, "kernel_size")).toHaveAttribute("aria-invalid", "true");
      await expect(plane(view, "output")).toHaveAttribute("aria-label", "Output 3 × 3");
      await holds(page, "explorer.settings['kernel_size']", "[3, 3]");
      await fill(view, "padding", "1");
      await expect(why).toBeHidden();
      await expect(plane(view, "output")).toHaveAttribute("aria-label", "Output 1 × 1");
      await holds(page, "explorer.source", "nn.Conv2d(1, 1, 7, padding=1, bias=False)");
    });

    await test.step("both ways between page and Python", async () => {
      await choose(view, "preset", "padding_strides_odd");
      await holds(page, "tuple(explorer.output.shape)", "(1, 3, 3)");
      await expect(view.locator(".dl-left-over")).toContainText("1 row and 1 column (hatched)");
      await expect(view.locator(".dl-formulas")).toHaveAttribute(
        "data-latex",
        /^o = \\left\\lfloor \\frac\{i \+ 2 p - d .*\\right\\rfloor \+ 1 = 3$/,
      );
      await runInKernel(page, "explorer.set(kind='conv_transpose', output_padding=1)");
      await expect(view.locator("pre")).toHaveText(
        "nn.ConvTranspose2d(1, 1, 3, stride=2, padding=1, output_padding=1, bias=False)",
      );
      await expect(plane(view, "output")).toHaveAttribute("aria-label", "Output 12 × 12");
    });
    expect(errors).toEqual([]);
  });
}

test("a layer of one's own, to the last channel", async ({ page, tmpPath }) => {
  const view = await open(page, tmpPath, OWN);
  await expect(view).toHaveAttribute("data-own", "true");
  await expect(view.locator("pre")).toHaveText("nn.Conv2d(3, 8, 3, stride=2)");
  await view.getByRole("button", { name: "Output channel 5" }).click();
  await pointAt(plane(view, "output"), 1, 2);
  const value = Number(await python(page, "layer(explorer.input).detach()[5, 1, 2].item()"));
  const said = (await lines(view).locator("p").first().textContent()) ?? "";
  expect(said).toMatch(/^y\[5, 1, 2\] = /);
  expect(Number(said.replace(/^.* = /, "").replace("−", "-"))).toBeCloseTo(value, 2);

  await runInKernel(page, "layer.weight.data.zero_(); layer.bias.data.fill_(3); explorer.update()");
  await expect(lines(view).locator("p").first()).toHaveText("y[5, 1, 2] = 0 + 0 + 0 + 3 (bias) = 3");

  await test.step("an output of a stack shows how far back it reaches", async () => {
    await choose(view, "preset", "causal_stack");
    await clickCell(plane(view, "output", 3), 0, 10);
    await expect(lines(view)).toContainText("Receptive field: 16 cells; 11 inputs, x[0] to x[10].");
    await pointAt(plane(view, "input"), 0, 9);
    await expect(lines(view)).toContainText("reaches 7 outputs of the last layer");
  });
});

test("axe finds no violation in either theme, and the widget stays low", async ({ page, tmpPath }) => {
  const view = await open(page, tmpPath, OWN);
  for (const theme of ["light", "dark"]) {
    if (theme === "dark") await page.theme.setDarkTheme();
    const presets = ["padding_strides_transposed", "three_channels", "causal_stack"];
    for (const preset of theme === "light" ? presets : presets.slice(1, 2)) {
      await choose(view, "preset", preset);
      await view.locator('[data-look="matrix_shown"]').click();
      expect((await view.boundingBox())?.height ?? 0, preset).toBeLessThanOrEqual(600);
      await fill(view, "input_size", "0");
      await expect(view.locator(".dl-impossible")).toBeVisible();
      const found = await violations(page, ".dl-convolution-explorer");
      expect(found, `${preset}, ${theme}`).toEqual([]);
      await button(view, "Undo").click();
    }
  }
});

// The LossPlot: a network learns on the page, and one looks as closely as one likes.
import type { IJupyterLabPageFixture } from "@jupyterlab/galata";
import type { Locator } from "@playwright/test";
import { readFile } from "node:fs/promises";
import { violations } from "../axe";
import {
  KERNELS,
  openNotebook,
  openPath,
  reload,
  runAll,
  runInKernel,
  touch,
  watchErrors,
} from "../lab";
import { area, DIGITS, live, looked, passes, plots, step } from "../loss_plot_page";
import { button, holds, notice, python } from "../playground_page";
import { expect, test } from "../test";

const CELL = "trainer = cnn(0.1)\nplot = dl_lab.LossPlot(trainer, epochs=1000)\nplot";

/** Drag from one share of the chart's width to another. */
async function drag(page: IJupyterLabPageFixture, view: Locator, from: number, to: number) {
  const { x, y, width, height } = await area(view);
  await page.mouse.move(x + from * width, y + height / 2);
  await page.mouse.down();
  await page.mouse.move(x + ((from + to) / 2) * width, y + height / 2 + 10);
  await page.mouse.move(x + to * width, y + height / 2);
  await page.mouse.up();
}

async function width(view: Locator): Promise<number> {
  const { low, high } = await looked(view);
  return high - low;
}

/** The picture that the notebook keeps, as JupyterLab shows it. */
function keptPicture(page: IJupyterLabPageFixture): Locator {
  return page.locator('.jp-NotebookPanel:visible .jp-OutputArea-child img[src*="svg"]');
}

/** Move fingers along the chart, each between two shares of its width. */
async function swipe(
  page: IJupyterLabPageFixture,
  view: Locator,
  ways: readonly (readonly [from: number, to: number])[],
): Promise<void> {
  const { x, y, width: wide, height } = await area(view);
  const paths = ways.map(([from, to]) =>
    Array.from({ length: 11 }, (_, i) => ({
      x: x + (from + (i / 10) * (to - from)) * wide,
      y: y + height / 2,
    })),
  );
  await touch(page, paths);
}

for (const kernel of KERNELS) {
  test(`a network learns, pauses, and is looked at closely on ${kernel}`, async ({
    page,
    tmpPath,
  }) => {
    const errors = watchErrors(page);
    const path = `${tmpPath}/test.ipynb`;
    await openNotebook(page, tmpPath, [DIGITS, CELL], { kernel });
    await runAll(page);
    const view = plots(page);
    await live(view);
    const play = view.locator(".dl-play");

    await test.step("before the first step it says what to do", async () => {
      await expect(view.locator(".dl-empty")).toContainText("press Play");
      await expect(view).toHaveAttribute("data-state", "idle");
    });

    await test.step("play moves the curves and leaves the cells free", async () => {
      await play.click();
      await expect(view).toHaveAttribute("data-state", "running");
      await passes(view, 100);
      expect(await python(page, "trainer.state")).toBe("running");
      await expect(view.locator(".dl-rate")).toContainText("steps/s");
      await expect(view.locator(".dl-progress-place")).toHaveText(/^cpu · [\d.]+ [MG]B$/);
      await passes(view, await step(view));
    });

    await test.step("the learning rate changes while it trains", async () => {
      const field = view.locator('[data-setting="learning_rate"]');
      await field.fill("0.025");
      await field.press("Enter");
      await holds(page, "trainer.learning_rate", "0.025");
      await field.fill("fast");
      await field.press("Enter");
      await expect(notice(view)).toHaveText("“fast” is not a number; Learning rate stays 0.025.");
      await button(view, "Dismiss").click();
      await holds(page, "trainer.state", "running");
    });

    await test.step("pause stands still; step does one", async () => {
      await play.click();
      await holds(page, "trainer.state", "paused");
      const still = Number(await python(page, "trainer.steps"));
      await expect(view).toHaveAttribute("data-step", String(still));
      await expect(view).toHaveAttribute("data-state", "paused");
      await button(view, "Step").click();
      await expect(view).toHaveAttribute("data-step", String(still + 1));
      await holds(page, "trainer.state", "paused");
      await expect
        .poll(async () => (await looked(view)).high, { message: "everything is shown" })
        .toBe(still + 1);
    });

    await test.step("a drag and the wheel go down to single steps", async () => {
      const all = await width(view);
      await drag(page, view, 0.25, 0.75);
      await expect.poll(() => width(view)).toBeLessThan(0.6 * all);
      const { x, y, width: wide, height } = await area(view);
      await page.mouse.move(x + wide / 2, y + height / 2);
      await expect
        .poll(async () => {
          await page.mouse.wheel(0, -200);
          return width(view);
        })
        .toBe(4);
      const { low, high } = await looked(view);
      // Each step of the window is a point of its own, with the very values of the history.
      const at = Math.round((low + high) / 2);
      const share = (at - low) / (high - low);
      await page.mouse.move(x + share * wide, y + height / 2);
      await expect(view.locator(".dl-card-title")).toHaveText(
        new RegExp(`^step ${at.toLocaleString("en")} · epoch [\\d.]+ · `),
      );
      const recorded = await python(
        page,
        `(lambda s: f"{float(s.values[list(s.steps).index(${at})]):.4g}")(trainer.history["train_loss"])`,
      );
      const row = view.locator(".dl-card-row", { hasText: "Train loss" });
      expect(Number(await row.locator(".dl-card-value").textContent())).toBeCloseTo(
        Number(recorded),
        6,
      );
    });

    await test.step("a double click shows everything; the keyboard does it all too", async () => {
      const { x, y, width: wide, height } = await area(view);
      await page.mouse.dblclick(x + wide / 2, y + height / 2);
      const all = Number(await python(page, "trainer.steps"));
      await expect.poll(async () => (await looked(view)).high).toBe(all);
      await view.locator(".dl-area").focus();
      await page.keyboard.press("+");
      await page.keyboard.press("+");
      await expect.poll(() => width(view)).toBeLessThan(0.55 * all);
      await page.keyboard.press("Shift+ArrowRight");
      await page.keyboard.press("ArrowRight");
      await expect(view.locator(".dl-reading [role=status]")).toContainText("Train loss");
      await page.keyboard.press("0");
      await expect.poll(() => width(view)).toBeGreaterThan(0.9 * all);
    });

    await test.step("two fingers zoom, one moves", async () => {
      const all = await width(view);
      await swipe(page, view, [[0.4, 0.2], [0.6, 0.8]]);
      await expect.poll(() => width(view)).toBeLessThan(0.5 * all);
      const { low } = await looked(view);
      await swipe(page, view, [[0.3, 0.7]]);
      await expect.poll(async () => (await looked(view)).low).toBeLessThan(low);
      await view.locator(".dl-area").focus();
      await page.keyboard.press("0");
    });

    await test.step("the legend takes a curve away and brings it back", async () => {
      // Train and validation of loss and accuracy, and the learning rate that was changed.
      await expect(view).toHaveAttribute("data-curves", "5");
      const chip = view.locator('[data-series="train_accuracy"]');
      await chip.click();
      await holds(page, "plot.hidden", "((0, 'train_accuracy'),)");
      await expect(chip).toHaveAttribute("aria-pressed", "false");
      await expect(view).toHaveAttribute("data-curves", "4");
      await chip.click();
      await expect(view).toHaveAttribute("data-curves", "5");
      await holds(page, "plot.hidden", "()");
    });

    await test.step("settings go both ways", async () => {
      await view.locator('[data-setting="axis"]').selectOption({ label: "Epoch" });
      await holds(page, "plot.axis", "epoch");
      await button(view, "Logarithmic vertical axis").click();
      await holds(page, "plot.y_scale", "log");
      await runInKernel(page, "plot.set(smoothing=0.8, axis='time')");
      await expect(view.locator('[data-setting="smoothing"]')).toHaveValue("0.8");
      await expect(view.locator('[data-setting="axis"]')).toHaveValue("time");
    });

    await test.step("the live plot stands in for the picture that the notebook keeps", async () => {
      await expect(keptPicture(page)).toHaveCount(1);
      await expect(keptPicture(page)).toBeHidden();
    });

    await test.step("after a reload in mid-run everything is there again", async () => {
      await play.click();
      await passes(view, await step(view));
      await page.notebook.save();
      const before = await step(view);
      await reload(page);
      await openPath(page, path);
      await live(view);
      await passes(view, before);
      await expect(view).toHaveAttribute("data-state", "running");
      await expect(view.locator('[data-setting="axis"]')).toHaveValue("time");
      await expect
        .poll(async () => Number(await view.getAttribute("data-drawn")))
        .toBeGreaterThan(100);
      await button(view, "Stop").click();
      await holds(page, "trainer.state", "finished");
      await expect(view).toHaveAttribute("data-state", "finished");
    });

    await test.step("a reset asks first and begins anew", async () => {
      await button(view, "Reset").click();
      await expect(notice(view)).toContainText("clears the curves");
      await view.locator(".dl-notice .dl-button").click();
      await holds(page, "trainer.steps", "0");
      await expect(view).toHaveAttribute("data-step", "0");
      await expect(view.locator(".dl-empty")).toBeVisible();
    });
    expect(errors).toEqual([]);
  });
}

test("three learning rates side by side, and files of what is shown", async ({ page, tmpPath }) => {
  const errors = watchErrors(page);
  const cell = `plot = dl_lab.compare(
    cnn(0.001), cnn(0.3), cnn(2.0), names=("too low", "<b>right</b>", "too high"), epochs=15
)
plot`;
  await openNotebook(page, tmpPath, [DIGITS, cell]);
  await runAll(page);
  const view = plots(page);
  await live(view);
  await expect(view).toHaveAttribute("data-state", "finished");
  await expect(view.locator(".dl-run")).toHaveText(["too low", "<b>right</b>", "too high"]);
  const won = view.locator('[data-series="validation_accuracy"].dl-won');
  const best = await python(
    page,
    "max(range(3), key=lambda i: plot._pick[i].history.best('validation_accuracy').value)",
  );
  await expect(won).toHaveAttribute("data-run", best);

  await test.step("a run is taken away, its rate changed alone", async () => {
    await view.locator('.dl-run[data-run="2"]').click();
    await holds(page, "(2, None) in plot.hidden", "True");
    const rate = view.locator('input[data-run="0"]');
    await rate.fill("0.05");
    await rate.press("Enter");
    await holds(page, "[run.learning_rate for run in plot._pick]", "[0.05, 0.3, 2.0]");
  });

  await test.step("PNG, SVG and CSV", async () => {
    await button(view, "Export").click();
    const save = async (name: string) => {
      const [file] = await Promise.all([
        page.waitForEvent("download"),
        view.locator(".dl-export").getByRole("button", { name, exact: true }).click(),
      ]);
      return { name: file.suggestedFilename(), bytes: await readFile(await file.path()) };
    };
    const png = await save("PNG");
    expect(png.name).toBe("too-low.png");
    expect(png.bytes.subarray(1, 4).toString()).toBe("PNG");
    expect([png.bytes.readUInt32BE(16), png.bytes.readUInt32BE(20)]).toEqual([1800, 840]);
    const svg = await save("SVG");
    expect(svg.bytes.toString()).toMatch(/^<svg[^>]+xmlns/);
    const csv = await save("CSV · <b>right</b>");
    expect(csv.name).toBe("b-right-b.csv");
    const rows = csv.bytes.toString().trim().split("\n");
    const steps = Number(await python(page, "plot._pick[1].steps"));
    expect(
      rows.filter((row) => row.includes("train_loss")).length >= steps || rows.length > steps,
    ).toBe(true);
  });
  expect(errors).toEqual([]);
});

test("a run that fails says why, axe finds no violation, Spanish is spoken", async ({
  page,
  tmpPath,
}) => {
  const wrong = `model = nn.Sequential(nn.Flatten(), nn.Linear(64, 9))
sgd = torch.optim.SGD(model.parameters(), lr=0.1)
broken = dl_lab.LossPlot(dl_lab.Trainer(model, nn.CrossEntropyLoss(), sgd, train))
broken`;
  await openNotebook(page, tmpPath, [DIGITS, wrong, CELL]);
  await runAll(page);
  const [failing, view] = [plots(page).first(), plots(page).last()];
  await live(failing);
  await failing.locator(".dl-play").click();
  await expect(failing).toHaveAttribute("data-state", "failed");
  await expect(notice(failing)).toContainText("9");
  expect(await python(page, "1 + 1")).toBe("2");
  await view.scrollIntoViewIfNeeded();
  await live(view);
  await runInKernel(page, "trainer.fit(3)");
  await expect(view).toHaveAttribute("data-state", "finished");

  const found = () => violations(page, ".dl-loss-plot");
  for (const theme of ["light", "dark"]) {
    if (theme === "dark") await page.theme.setDarkTheme();
    await test.step(`in the ${theme} theme`, async () => {
      // JupyterLab takes the layout away for a moment while it changes its theme.
      const [room, drawn] = [view.locator(".dl-chart"), view.locator(".dl-chart canvas")];
      await expect
        .poll(async () => (await drawn.boundingBox())?.width)
        .toBe((await room.boundingBox())?.width);
      expect(await found(), "finished and failed").toEqual([]);
    });
  }
  await runInKernel(page, "plot.language = 'es'; broken.language = 'es'");
  await expect(view.locator(".dl-play")).toHaveText("Iniciar");
  await expect(view.locator('[data-series="train_loss"]')).toContainText("Pérdida");
  await expect(notice(failing)).toContainText("clases");
});

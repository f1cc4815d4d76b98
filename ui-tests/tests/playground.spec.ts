// The Playground: what one does with it by mouse, by keyboard and from Python.
import type { IJupyterLabPageFixture } from "@jupyterlab/galata";
import type { Locator } from "@playwright/test";
import { violations } from "../axe";
import { KERNELS, openNotebook, runAll, runInKernel, watchErrors } from "../lab";
import {
  button,
  CELL,
  epoch,
  holds,
  live,
  notice,
  passes,
  python,
  views,
} from "../playground_page";
import { expect, test } from "../test";

/** Go on with Tab until this has the focus. */
async function tabTo(page: IJupyterLabPageFixture, target: Locator): Promise<void> {
  for (let presses = 0; presses < 10; presses++) {
    if (await target.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press("Tab");
  }
  await expect(target).toBeFocused();
}

/** Open a unit's card and change one of its numbers, all by keyboard. */
async function editByKeyboard(
  page: IJupyterLabPageFixture,
  view: Locator,
  unit: string,
  field: string,
  value: string,
): Promise<void> {
  const node = view.locator(`[data-unit="${unit}"]`);
  await node.focus();
  await page.keyboard.press("Enter");
  await expect(node).toHaveAttribute("aria-expanded", "true");
  await tabTo(page, view.locator(".dl-card").getByLabel(field, { exact: true }));
  // New values that training brings while one thinks must not take the selection away.
  const running = (await view.getAttribute("data-state")) === "running";
  if (running) await passes(view, (await epoch(view)) + 2);
  await page.keyboard.type(value);
  await page.keyboard.press("Enter");
}

for (const kernel of KERNELS) {
  test(`builds, trains and edits a network on ${kernel}`, async ({ page, tmpPath }) => {
    const errors = watchErrors(page);
    await openNotebook(page, tmpPath, [CELL], { kernel });
    await runAll(page);
    const view = views(page);
    await live(view);
    const play = view.locator(".dl-play");

    await test.step("data, features, layers and neurons follow the mouse", async () => {
      await view.locator('label[data-value="xor"]').click();
      await expect(view.locator('input[value="xor"]')).toBeChecked();
      const product = view.locator('[data-feature="xy"]');
      await product.click();
      await expect(product).toHaveAttribute("aria-pressed", "true");
      await holds(page, "pg.features", "('x', 'y', 'xy')");
      await product.click();
      await expect(product).toHaveAttribute("aria-pressed", "false");
      await button(view, "Add a hidden layer").click();
      await button(view, "Add a neuron to layer 3").click();
      await button(view, "Remove a neuron from layer 1").click();
      await holds(page, "pg.hidden", "(3, 2, 3)");
      await expect(view.locator("[data-unit]")).toHaveCount(3 + 2 + 3 + 1);
      await button(view, "Remove the last hidden layer").click();
      await expect(view.locator("[data-unit]")).toHaveCount(3 + 2 + 1);
      await holds(page, "(pg.data, pg.features, pg.hidden)", "('xor', ('x', 'y'), (3, 2))");
    });

    await test.step("play moves epoch and losses, and leaves the cells free", async () => {
      const losses = view.locator("[data-loss]");
      const before = await losses.allTextContents();
      await play.click();
      await expect(view).toHaveAttribute("data-state", "running");
      await passes(view, 0);
      for (const [index, loss] of before.entries()) {
        await expect(losses.nth(index)).not.toHaveText(loss);
      }
      expect(await python(page, "sum(range(10)), pg.trainer.state")).toBe("45 running");
      await passes(view, await epoch(view));
    });

    await test.step("pause stands still", async () => {
      await play.click();
      await holds(page, "pg.trainer.state", "paused");
      await expect(view).toHaveAttribute("data-state", "paused");
      const still = await python(page, "pg.trainer.epoch");
      await expect(view).toHaveAttribute("data-epoch", still);
      expect(await python(page, "pg.trainer.epoch")).toBe(still);
      await button(view, "Step").click();
      await expect(view).toHaveAttribute("data-epoch", String(Number(still) + 1));
      await expect(view).toHaveAttribute("data-state", "paused");
    });

    await test.step("play and pause from a cell return at once and show", async () => {
      const printed = await runInKernel(page, "pg.play(); print(pg.trainer.state)");
      expect(printed.trim()).toBe("running");
      await expect(view).toHaveAttribute("data-state", "running");
      await passes(view, await epoch(view));
    });

    await test.step("a weight and the output's bias change by keyboard while it trains", async () => {
      // So slow that the value typed is still there when it is read.
      await runInKernel(page, "pg.set(learning_rate=1e-5, speed=1)");
      await editByKeyboard(page, view, "0.0", "Weight of x", "0.8");
      await holds(page, "round(next(pg.model.parameters())[0, 0].item(), 1)", "0.8");
      expect(await python(page, "pg.trainer.state")).toBe("running");
      await page.keyboard.press("Escape");
      await expect(view.locator('[data-unit="0.0"]')).toBeFocused();
      await runInKernel(page, "pg.pause()");
      await editByKeyboard(page, view, "2.0", "Bias", "-1.25");
      await holds(page, "[*pg.model.parameters()][-1].item()", "-1.25");
      await expect(view.locator(".dl-card .dl-formula")).toContainText("1.25");
      await page.keyboard.press("Escape");
      await expect(view.locator(".dl-card")).toBeHidden();
    });

    await test.step("a click on a link edits its weight", async () => {
      const from = await view.locator('[data-feature="x"]').boundingBox();
      const to = await view.locator('[data-unit="0.0"]').boundingBox();
      if (from === null || to === null) throw new Error("The link has no ends.");
      const x = (from.x + from.width + to.x) / 2;
      await page.mouse.click(x, (from.y + from.height / 2 + to.y + to.height / 2) / 2);
      const editor = view.locator(".dl-link-editor");
      await expect(editor.getByRole("textbox")).toBeFocused();
      await page.keyboard.type("-1.5");
      await page.keyboard.press("Enter");
      await expect(editor).toBeHidden();
      await holds(page, "next(pg.model.parameters())[0, 0].item()", "-1.5");
    });

    await test.step("reset goes back to epoch 0", async () => {
      await button(view, "Reset").click();
      await expect(view).toHaveAttribute("data-epoch", "0");
      await expect(view).toHaveAttribute("data-state", "idle");
    });

    expect(errors).toEqual([]);
  });
}

test("pause does not wait for a busy cell where the kernel has subshells", async ({
  page,
  tmpPath,
}) => {
  await openNotebook(page, tmpPath, [CELL], { kernel: "ipykernel-7.4" });
  await runAll(page);
  const view = views(page);
  await live(view);
  await view.locator(".dl-play").click();
  await passes(view, 0);
  const busy = runInKernel(
    page,
    `import time
began = time.monotonic()
pg.learning_rate = 0.1
while pg.trainer.state == "running" and time.monotonic() < began + 20:
    time.sleep(0.01)
print(pg.trainer.state)`,
  );
  // The cell is under way when its first line shows in the view.
  await expect(view.locator('[data-setting="learning_rate"]')).toHaveValue("0.1");
  await view.locator(".dl-play").click();
  expect((await busy).trim()).toBe("paused");
});

test("settings go both ways and nonsense gets a sentence", async ({ page, tmpPath }) => {
  await openNotebook(page, tmpPath, [CELL]);
  await runAll(page);
  const view = views(page);
  await live(view);
  const setting = (name: string) => view.locator(`[data-setting="${name}"]`);

  await test.step("from Python to the view", async () => {
    await runInKernel(page, "pg.learning_rate = 0.3\npg.hidden = (5, 3, 2)\npg.data = 'spiral'");
    await expect(setting("learning_rate")).toHaveValue("0.3");
    await expect(view.locator("[data-unit]")).toHaveCount(5 + 3 + 2 + 1);
    await expect(view.locator('input[value="spiral"]')).toBeChecked();
    await runInKernel(page, "pg.learning_rate = 0.07");
    await expect(setting("learning_rate")).toHaveValue("0.07");
  });

  await test.step("from the view to Python", async () => {
    await setting("activation").selectOption({ label: "ReLU" });
    await setting("regularization").selectOption({ label: "L2" });
    await setting("regularization_rate").selectOption("0.01");
    await setting("learning_rate").selectOption("0.03");
    await setting("noise").fill("25");
    await setting("show_test").check();
    const now = "[pg.settings[name] for name in ('activation', 'regularization', 'show_test')]";
    await holds(page, now, "['relu', 'L2', True]");
    const numbers = "(pg.regularization_rate, pg.learning_rate, pg.noise)";
    await holds(page, numbers, "(0.01, 0.03, 25.0)");
    await expect(view.locator(".dl-notice")).toBeHidden();
  });

  await test.step("no number, and one out of range, change nothing", async () => {
    await button(view, "Advanced").click();
    const field = view.locator('[data-exact="learning_rate"]');
    await field.fill("fast");
    await field.press("Enter");
    await expect(notice(view)).toHaveText("“fast” is not a number; Learning rate stays 0.03.");
    await expect(field).toHaveValue("0.03");
    await field.fill("99");
    await field.press("Enter");
    await expect(notice(view)).toHaveText(/between 1e-05 and 10; got 99\.$/);
    await field.press("Escape");
    await expect(setting("learning_rate")).toHaveValue("0.03");
    expect(await python(page, "pg.learning_rate")).toBe("0.03");
  });

  await test.step("a diverged run pauses, says why, and plays again", async () => {
    await runInKernel(
      page,
      "pg.set(problem='regression', activation='linear', hidden=(4, 4, 4), learning_rate=10," +
        " regularization=None)",
    );
    await expect(setting("learning_rate")).toHaveValue("10");
    await view.locator(".dl-play").click();
    await expect(notice(view)).toContainText("Training diverged");
    await expect(notice(view)).toContainText("Try a smaller learning rate (10");
    await expect(view).toHaveAttribute("data-state", "paused");
    const finite = "all(bool(p.isfinite().all()) for p in pg.model.parameters())";
    expect(await python(page, finite)).toBe("True");
    await setting("learning_rate").selectOption("0.01");
    await holds(page, "pg.learning_rate", "0.01");
    const before = await epoch(view);
    await view.locator(".dl-play").click();
    await passes(view, before + 10);
    await expect(view).toHaveAttribute("data-state", "running");
    await expect(view.locator(".dl-notice")).toBeHidden();
  });
});

test("axe finds no violation, and Spanish is spoken", async ({ page, tmpPath }) => {
  const spanish = "import dl_lab\n\npg = dl_lab.Playground(language='es')\npg";
  await openNotebook(page, tmpPath, [spanish]);
  await runAll(page);
  const view = views(page);
  await live(view);
  const found = () => violations(page, ".dl-playground");

  await test.step("in Spanish", async () => {
    await expect(view).toHaveAttribute("lang", "es");
    await expect(view.locator(".dl-play")).toHaveText("Iniciar");
    await view.locator(".dl-play").click();
    await expect(view.locator(".dl-play")).toHaveText("Pausar");
    await button(view, "Avanzado").click();
    await view.locator('[data-exact="learning_rate"]').fill("rápido");
    await view.locator('[data-exact="learning_rate"]').press("Enter");
    await expect(notice(view)).toContainText("no es un número");
    await view.locator('[data-exact="learning_rate"]').press("Escape");
    await button(view, "Descartar").click();
  });

  await runInKernel(page, "pg.language = 'en'\npg.reset()");
  await expect(view).toHaveAttribute("lang", "en");
  await live(view);
  for (const theme of ["light", "dark"]) {
    if (theme === "dark") await page.theme.setDarkTheme();
    await test.step(`in the ${theme} theme`, async () => {
      await expect(view).toHaveAttribute("data-epoch", "0");
      await view.locator('[data-unit="1.0"]').click();
      await expect(view.locator(".dl-card")).toBeVisible();
      await view.locator(".dl-play").click();
      await passes(view, 0);
      expect(await found(), "running, with a card").toEqual([]);
      await view.locator(".dl-card").getByRole("button", { name: "Close" }).click();
      await button(view, "Reset").click();
    });
  }
});

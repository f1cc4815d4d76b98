// The learning rate finder: choosing a rate by mouse, keyboard and typing; what it leaves behind.
import type { IJupyterLabPageFixture } from "@jupyterlab/galata";
import type { NotebookPanel } from "@jupyterlab/notebook";
import type { Locator } from "@playwright/test";
import { violations } from "../axe";
import { cellOf, shown, viewOf } from "../contract_page";
import { KERNELS, openNotebook, runAll, runInKernel, watchErrors } from "../lab";
import { button, holds, notice, python } from "../playground_page";
import { expect, test } from "../test";

const CELLS = [cellOf("learning_rate_finder"), "finder = widget"];

/** Where a measurement is on the page. */
async function point(page: IJupyterLabPageFixture, view: Locator, index: number) {
  const rates = await python(page, `finder.rates.tolist()[${index}], finder.rates.tolist()[-1]`);
  const [rate, last] = rates.split(" ").map(Number) as [number, number];
  const box = await view.getByRole("slider").boundingBox();
  if (box === null) throw new Error("There is no plot.");
  // The test begins at 1e-7, at the left end of the axis.
  const share = (Math.log10(rate) + 7) / (Math.log10(last) + 7);
  return { rate, x: box.x + share * box.width, y: box.y + 100 };
}

for (const kernel of KERNELS) {
  test(`sets the trainer's rate on ${kernel}`, async ({ page, tmpPath }) => {
    const errors = watchErrors(page);
    await openNotebook(page, tmpPath, CELLS, { kernel });
    await runAll(page);
    const view = viewOf(page, "learning_rate_finder");
    await shown(view);

    await test.step("a click on the curve", async () => {
      const { rate, x, y } = await point(page, view, 60);
      await page.mouse.move(x, y);
      await expect(view.locator(".dl-reading-value").first()).toHaveText(
        String(Number(rate.toPrecision(3))),
      );
      await page.mouse.click(x, y);
      const chosen = String(Number(rate.toPrecision(3)));
      await holds(page, "trainer.learning_rate", chosen);
      await expect(view).toHaveAttribute("data-rate", chosen);
      await expect(view.locator("[data-mark=in_use]")).toHaveText(`in use: ${chosen}`);
    });

    await test.step("the button", async () => {
      await view.locator(".dl-use").click();
      await holds(page, "trainer.learning_rate == finder.suggestion", "True");
      await expect(view.locator(".dl-use")).toHaveAttribute("data-used", "");
      expect(await violations(page, ".dl-learning-rate-finder"), "in use").toEqual([]);
    });

    await test.step("keys", async () => {
      const slider = view.getByRole("slider");
      await slider.focus();
      const before = Number(await slider.getAttribute("aria-valuenow"));
      await page.keyboard.press("ArrowLeft");
      await page.keyboard.press("PageDown");
      await expect(slider).toHaveAttribute("aria-valuenow", String(before - 11));
      expect(await violations(page, ".dl-learning-rate-finder"), "focused").toEqual([]);
      await page.keyboard.press("Enter");
      const rate = `float(f"{finder.rates[${before - 11}]:.3g}")`;
      await holds(page, `trainer.learning_rate == ${rate}`, "True");
    });

    await test.step("typing, and a sentence for what is not a rate", async () => {
      const field = view.getByLabel("Learning rate", { exact: true });
      await field.fill("0.0125");
      await field.press("Enter");
      await holds(page, "trainer.learning_rate", "0.0125");
      await field.fill("-3");
      await field.press("Enter");
      await expect(notice(view)).toContainText("Learning rate must be a number between");
      await expect(view).toHaveAttribute("data-rate", "0.0125");
      await button(view, "Dismiss").click();
    });

    await test.step("Python; the picture for the saved notebook is there, and hidden", async () => {
      await runInKernel(page, "finder.use(0.25)");
      await expect(view).toHaveAttribute("data-rate", "0.25");
      const picture = page.locator(".jp-NotebookPanel:visible .jp-RenderedSVG");
      await expect(picture).toHaveCount(1);
      await expect(picture).toBeHidden();
    });

    await test.step("training goes on with it", async () => {
      await runInKernel(page, "finder.use(); trainer.fit(2)");
      expect(await python(page, "trainer.optimizer.param_groups[0]['lr'] == finder.suggestion")).toBe(
        "True",
      );
    });
    expect(errors).toEqual([]);
  });
}

/** As the button does; galata, which reads the page's own request, expects an answer to it. */
async function interruptKernel(page: IJupyterLabPageFixture): Promise<void> {
  const id = await page.evaluate(() => {
    const panel = window.jupyterapp.shell.currentWidget as NotebookPanel;
    return panel.sessionContext.session?.kernel?.id ?? "";
  });
  const reply = await page.request.post(`${process.env.TARGET_URL}/api/kernels/${id}/interrupt`);
  expect(reply.status()).toBe(204);
}

const INTERRUPTED = `import itertools, time
calls = itertools.count()
def slow(*_):
    time.sleep(0.01)
    if next(calls) == 20:
        print("under way", flush=True)
handle = model.register_forward_hook(slow)
finder = dl_lab.lr_find(trainer, steps=10_000, stop_factor=None)
handle.remove()
finder`;

test("an interrupt ends the test and shows what was measured", async ({ page, tmpPath }) => {
  await openNotebook(page, tmpPath, [
    ...CELLS,
    "before = [p.detach().clone() for p in model.parameters()]",
    INTERRUPTED,
  ]);
  const done = runAll(page);
  // Asked of the notebook: an output that is out of sight is not on the page.
  await page.waitForFunction(() => {
    const { content } = window.jupyterapp.shell.currentWidget as NotebookPanel;
    return JSON.stringify(content.model?.toJSON()).includes('"under way\\n"');
  });
  await interruptKernel(page);
  await done;
  const view = viewOf(page, "learning_rate_finder").last();
  await shown(view);
  await expect(view.locator(".dl-stopped")).toContainText("The test was interrupted");
  const same = "all(bool((a == b).all()) for a, b in zip(before, model.parameters()))";
  expect(await python(page, same)).toBe("True");
});

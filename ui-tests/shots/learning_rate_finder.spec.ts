// Pictures of the learning rate finder.
import { expect, test } from "@jupyterlab/galata";
import { FINDER, finders, finderShown, MODEL } from "../learning_rate_finder_page";
import { openNotebook, runAll, runInKernel } from "../lab";
import { button, notice } from "../playground_page";
import { inNarrow, shoot, shootAll, shootThemes, type Shooting } from "../shot";

const OTHERS = `linear = dl_lab.lr_find(trainer, low=1e-4, high=0.5, scale="linear")
display(linear)
noise = torch.utils.data.TensorDataset(torch.randn(400, 16), torch.randint(0, 4, (400,)))
trainer.set_data(noise)
nothing = dl_lab.lr_find(trainer, high=1e-4)
nothing`;

test("pictures of the learning rate finder", async ({ page, tmpPath }) => {
  await openNotebook(page, tmpPath, [MODEL, FINDER, OTHERS]);
  await runAll(page);
  const of = (index: number, variable: string): Shooting => ({
    page,
    view: finders(page).nth(index),
    widget: "learning_rate_finder",
    variable,
    shown: finderShown,
  });
  const found = of(0, "finder");
  const { view } = found;
  await view.scrollIntoViewIfNeeded();
  await finderShown(view);

  await test.step("found", () => shootAll(found, "found"));

  await test.step("reading, and another rate in use", async () => {
    const box = await view.locator(".dl-plot").boundingBox();
    if (box === null) throw new Error("There is no plot.");
    await page.mouse.move(box.x + 0.6 * box.width, box.y + 0.5 * box.height);
    await expect(view.locator(".dl-reading-value").first()).toBeVisible();
    await shootThemes(found, "reading");
    await page.mouse.move(0, 0);
    await runInKernel(page, "finder.use()");
    await expect(view.locator(".dl-use")).toHaveAttribute("data-used", "");
    await shootAll(found, "used");
  });

  await test.step("nonsense is typed", async () => {
    const field = view.getByLabel("Learning rate", { exact: true });
    await field.fill("-3");
    await field.press("Enter");
    await expect(notice(view)).toBeVisible();
    await shootThemes(found, "refused");
    await inNarrow(found, () => shoot(found, "refused-narrow"));
    await button(view, "Dismiss").click();
  });

  await test.step("help", async () => {
    await button(view, "Help").click();
    await expect(view.locator(".dl-sheet")).toBeVisible();
    await shootThemes(found, "help");
    await inNarrow(found, () => shoot(found, "help-narrow"));
    await page.keyboard.press("Escape");
  });

  await test.step("a linear test, and one that finds nothing", async () => {
    for (const [index, variable] of [
      [1, "linear"],
      [2, "nothing"],
    ] as const) {
      const other = of(index, variable);
      await other.view.scrollIntoViewIfNeeded();
      await finderShown(other.view);
      await shootAll(other, variable);
    }
  });
});

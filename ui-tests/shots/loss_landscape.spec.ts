// Pictures of the loss landscape: a run's way, random directions, a line, two minima joined.
import { expect, test } from "@jupyterlab/galata";
import { cellOf, shown, viewOf } from "../contract_page";
import { openNotebook, runAll, runInKernel } from "../lab";
import { shootAll, shootThemes } from "../shot";

test("pictures of loss_landscape", async ({ page, tmpPath }) => {
  await openNotebook(page, tmpPath, [cellOf("loss_landscape")]);
  await runAll(page);
  const view = viewOf(page, "loss_landscape");
  await shown(view);
  const shooting = { page, view, widget: "loss_landscape", variable: "loss_landscape", shown };
  await expect(view).toHaveAttribute("data-share", "1.000");
  await shootAll(shooting, "way");
  for (const preset of ["wide", "line"]) {
    await view.locator(`[data-preset=${preset}]`).click();
    await expect(view).toHaveAttribute("data-through", "random");
    await expect(view).toHaveAttribute("data-share", "1.000");
    await shootThemes(shooting, preset);
  }
  await runInKernel(page, "loss_landscape.set(shape='plane', reach=1.0); loss_landscape.go(-0.4, 0.3)");
  await expect(view).toHaveAttribute("data-back", "1");
  await shootThemes(shooting, "moved");
});

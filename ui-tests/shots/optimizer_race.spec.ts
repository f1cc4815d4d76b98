// Pictures of the optimizer race: on the way, all at once, the map of basins.
import { expect, test } from "@jupyterlab/galata";
import { cellOf, shown, viewOf } from "../contract_page";
import { openNotebook, runAll, runInKernel } from "../lab";
import { shootAll, shootThemes } from "../shot";

test("pictures of optimizer_race", async ({ page, tmpPath }) => {
  await openNotebook(page, tmpPath, [cellOf("optimizer_race")]);
  await runAll(page);
  const view = viewOf(page, "optimizer_race");
  await shown(view);
  await expect(view).toHaveAttribute("data-ready", "200");
  const shooting = { page, view, widget: "optimizer_race", variable: "optimizer_race", shown };
  const to = async (step: number) => {
    const range = view.locator(".dl-player input[type=range]");
    await range.fill(String(step));
    await expect(view).toHaveAttribute("data-step", String(step));
  };
  await to(25);
  await shootAll(shooting, "on-the-way");
  for (const [preset, step] of [
    ["momentum", 60],
    ["all", 200],
    ["basins", 120],
  ] as const) {
    await view.locator(`[data-preset=${preset}]`).click();
    const steps = preset === "momentum" ? "150" : "200";
    await expect(view).toHaveAttribute("data-ready", steps);
    await expect(view.locator(".dl-remarks")).not.toContainText("% of the steps");
    await to(step);
    await shootThemes(shooting, preset);
  }
  await runInKernel(page, "optimizer_race.surface = 'network'");
  await expect(view).toHaveAttribute("data-surface", "network");
  await expect(view).toHaveAttribute("data-ready", "200");
  await to(200);
  await shootThemes(shooting, "network");
});

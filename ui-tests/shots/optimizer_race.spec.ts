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
  for (const [preset, surface, step] of [
    ["momentum", "distill", 60],
    ["all", "beale", 200],
    ["basins", "himmelblau", 120],
  ] as const) {
    await view.locator(`[data-preset=${preset}]`).click();
    await expect(view).toHaveAttribute("data-surface", surface);
    await expect(view).toHaveAttribute("data-ready", preset === "momentum" ? "150" : "200");
    if (preset === "basins") await expect(view.locator(".dl-remarks")).toContainText("ends in");
    await to(step);
    await shootThemes(shooting, preset);
  }
  await runInKernel(page, "optimizer_race.set(surface='network', basins=False)");
  await expect(view).toHaveAttribute("data-surface", "network");
  await expect(view).toHaveAttribute("data-ready", "200");
  await to(200);
  await shootThemes(shooting, "network");
});

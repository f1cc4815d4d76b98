// Pictures of the KernelExplorer: kernels, a layer's filter, its panels, what does not fit.
import { type IJupyterLabPageFixture, expect, test } from "@jupyterlab/galata";
import { choose, drawn, EXPLORER, explorers, LAYER } from "../kernel_explorer_page";
import { openNotebook, runAll } from "../lab";
import { shootAll, shootThemes, type Shooting } from "../shot";

async function opened(
  page: IJupyterLabPageFixture,
  tmpPath: string,
  cell: string,
): Promise<Shooting> {
  await openNotebook(page, tmpPath, [cell]);
  await runAll(page);
  const view = explorers(page).first();
  await drawn(view);
  return { page, view, widget: "kernel_explorer", variable: "explorer", shown: drawn };
}

test("pictures of kernels", async ({ page, tmpPath }) => {
  const shooting = await opened(page, tmpPath, EXPLORER);
  const { view } = shooting;
  await shootAll(shooting, "first");
  await choose(view, "preset", "gabor");
  await expect(view.locator(".dl-editor")).toHaveAttribute("data-size", "9");
  await choose(view, "channels", "grey");
  await choose(view, "display", "signed");
  await shootThemes(shooting, "gabor");
  await choose(view, "image", "digit_5");
  await choose(view, "preset", "left_sobel");
  await expect(view).toHaveAttribute("data-image", "1 28 28");
  const zoom = view.locator('[data-setting="zoom"] button').last();
  await zoom.click();
  await zoom.click();
  await shootThemes(shooting, "digit");
  await choose(view, "preset", "motion");
  await choose(view, "dilation", "8");
  await choose(view, "padding", "0");
  await expect(view).toHaveAttribute("data-fits", "false");
  await shootAll(shooting, "misfit");
});

test("pictures of a layer's filter", async ({ page, tmpPath }) => {
  const shooting = await opened(page, tmpPath, LAYER);
  const { view } = shooting;
  await view.getByRole("button", { name: "Write to the layer" }).click();
  await shootAll(shooting, "layer");
  await view.getByRole("button", { name: "Code" }).click();
  await expect(view.locator("pre")).toContainText("conv2d");
  await shootThemes(shooting, "code");
  await view.getByRole("button", { name: "Help" }).click();
  await shootThemes(shooting, "help");
});

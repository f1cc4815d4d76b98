// Pictures of the layer viewer: what its layers say, how a unit comes to its answer, and learning.
import { expect, test } from "@jupyterlab/galata";
import type { Locator } from "@playwright/test";
import { openNotebook, runAll } from "../lab";
import { drawOne, layer, layersShown, LENET, TRAINED, viewers } from "../layer_viewer_page";
import { shoot, shootAll, shootThemes, type Shooting } from "../shot";

/** Wait until the layers are there and no more frames come. */
async function settled(view: Locator): Promise<void> {
  await layersShown(view);
  let before: string | null = null;
  await expect
    .poll(
      async () => {
        const now = await view.getAttribute("data-frames");
        const same = now === before;
        before = now;
        return same;
      },
      { intervals: [400] },
    )
    .toBe(true);
}

test("pictures of a trained LeNet", async ({ page, tmpPath }) => {
  await openNotebook(page, tmpPath, [LENET]);
  await runAll(page);
  const view = viewers(page);
  await settled(view);
  const shooting: Shooting = {
    page,
    view,
    widget: "layer_viewer",
    variable: "viewer",
    shown: settled,
  };
  await shootAll(shooting, "first");

  const show = view.getByLabel("Show", { exact: true });
  const unit = view.locator(".dl-unit-name h4");
  await layer(view, "conv2").click({ position: { x: 20, y: 12 } });
  await expect(view.locator(".dl-sum")).toContainText("=");
  await shootThemes(shooting, "convolution");
  await layer(view, "pool1").click({ position: { x: 30, y: 30 } });
  await expect(view.locator(".dl-sum")).toContainText("largest of 4");
  await shoot(shooting, "pooling");
  await show.selectOption("filters");
  await view.locator(".dl-scroll").evaluate((element) => (element.scrollTop = 420));
  await settled(view);
  await layer(view, "relu4").click({ position: { x: 40, y: 12 } });
  await expect(unit).toContainText("relu4");
  await shootThemes(shooting, "filters");
  await show.selectOption("activations");
  await view.getByLabel("Why this class").selectOption("occlusion");
  await drawOne(page, view);
  await expect(view).toHaveAttribute("data-guess", "1");
  await settled(view);
  await shootAll(shooting, "drawn");
});

test("pictures of a network that learns", async ({ page, tmpPath }) => {
  await openNotebook(page, tmpPath, [TRAINED]);
  await runAll(page);
  const view = viewers(page);
  await layersShown(view);
  await view.getByRole("button", { name: "Train", exact: true }).click();
  await expect(view).toHaveAttribute("data-epoch", /^[3-9]/);
  const shooting = { page, view, widget: "layer_viewer", variable: "viewer", shown: layersShown };
  await shootThemes(shooting, "training");
});

// Pictures of the layer viewer: light, dark, narrow, wide, Spanish, and what it shows of a unit.
import { expect, test } from "@jupyterlab/galata";
import { openNotebook, runAll, runInKernel } from "../lab";
import { drawOne, layer, layersShown, LENET, TRAINED, viewers } from "../layer_viewer_page";

const file = (name: string) => ({ path: `../shots/layer_viewer-${name}.png` });

test("of a trained LeNet", async ({ page, tmpPath }) => {
  test.setTimeout(180_000);
  await openNotebook(page, tmpPath, [LENET]);
  await runAll(page);
  const view = viewers(page);
  await layersShown(view);
  await page.waitForTimeout(1000);
  await view.screenshot(file("light"));

  await layer(view, "conv2").click({ position: { x: 20, y: 12 } });
  await expect(view.locator(".dl-sum")).toContainText("=");
  await page.waitForTimeout(500);
  await view.screenshot(file("convolution"));
  await layer(view, "pool1").click({ position: { x: 30, y: 30 } });
  await page.waitForTimeout(500);
  await view.screenshot(file("pooling"));
  await view.getByLabel("Show", { exact: true }).selectOption("filters");
  await view.locator(".dl-scroll").evaluate((element) => (element.scrollTop = 420));
  await page.waitForTimeout(700);
  await layer(view, "relu4").click({ position: { x: 40, y: 12 } });
  await page.waitForTimeout(500);
  await view.screenshot(file("filters"));
  await view.getByLabel("Show", { exact: true }).selectOption("activations");
  await view.getByLabel("Why this class").selectOption("occlusion");
  await drawOne(page, view);
  await page.waitForTimeout(1000);
  await view.screenshot(file("drawn"));
  await page.theme.setDarkTheme();
  await page.waitForTimeout(500);
  await view.screenshot(file("dark"));
  await runInKernel(page, "viewer.language = 'es'");
  await page.waitForTimeout(800);
  await view.screenshot(file("spanish-dark"));
  await page.theme.setLightTheme();
  for (const [name, width] of [
    ["narrow", 360],
    ["wide", 1400],
  ] as const) {
    await page.evaluate((wide) => {
      const root = document.querySelector<HTMLElement>(".dl-layer-viewer");
      if (root !== null) root.style.width = `${wide}px`;
    }, width);
    await page.setViewportSize({ width: Math.max(1280, width + 420), height: 1500 });
    await page.waitForTimeout(800);
    await layer(view, "conv1").click({ position: { x: 20, y: 12 } });
    await page.waitForTimeout(800);
    await view.screenshot(file(name));
  }
});

test("of a network that learns", async ({ page, tmpPath }) => {
  await openNotebook(page, tmpPath, [TRAINED]);
  await runAll(page);
  const view = viewers(page);
  await layersShown(view);
  await view.getByRole("button", { name: "Train", exact: true }).click();
  await expect(view).toHaveAttribute("data-epoch", /^[3-9]/, { timeout: 60_000 });
  await view.screenshot(file("training"));
});

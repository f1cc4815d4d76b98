// A layer viewer on the page: the cells that make one, and where its views are.
import { type IJupyterLabPageFixture, expect } from "@jupyterlab/galata";
import type { Locator } from "@playwright/test";

/** The trained LeNet and the digits that it has not seen. */
export const LENET = `import dl_lab, torch
images, labels = dl_lab.data.mnist().test
model = dl_lab.nets.lenet5(pretrained=True)
viewer = dl_lab.LayerViewer(model, images[:60])
viewer`;

/** A new LeNet and a trainer for it. */
export const TRAINED = `import dl_lab, torch
torch.manual_seed(0)
images, labels = dl_lab.data.mnist().train
model = dl_lab.nets.lenet5()
adam = torch.optim.Adam(model.parameters(), lr=0.002)
trainer = dl_lab.Trainer(
    model, torch.nn.functional.cross_entropy, adam, (images[:1000], labels[:1000]), batch_size=50, seed=0
)
viewer = dl_lab.LayerViewer(model, images[:40], trainer=trainer)
viewer`;

/** All views on the page, in their order. */
export function viewers(page: IJupyterLabPageFixture): Locator {
  return page.locator(".jp-NotebookPanel:visible .dl-layer-viewer");
}

/** Wait until a view shows its layers. */
export async function layersShown(view: Locator): Promise<void> {
  await expect(view).toHaveAttribute("data-guess", /\d/);
}

export function layer(view: Locator, name: string): Locator {
  return view.locator(`.dl-layer[data-layer="${name}"] .dl-units`);
}

/** Draw a one: a line from top to bottom, on the input. */
export async function drawOne(page: IJupyterLabPageFixture, view: Locator): Promise<void> {
  const box = await view.locator(".dl-canvas").boundingBox();
  if (box === null) throw new Error("There is no input.");
  await page.mouse.move(box.x + box.width * 0.55, box.y + box.height * 0.18);
  await page.mouse.down();
  for (let i = 1; i <= 8; i++) {
    await page.mouse.move(
      box.x + box.width * (0.55 - 0.01 * i),
      box.y + box.height * (0.18 + 0.08 * i),
    );
  }
  await page.mouse.up();
}

// A learning rate finder on the page: the notebook that makes one, and where its views are.
import { type IJupyterLabPageFixture, expect } from "@jupyterlab/galata";
import type { Locator } from "@playwright/test";

/** A network and a trainer for four clouds of points. */
export const MODEL = `import dl_lab, torch
from torch import nn
torch.manual_seed(1)
targets = torch.randint(0, 4, (400,))
points = 2 * torch.randn(4, 16)[targets] + torch.randn(400, 16)
model = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 4))
sgd = torch.optim.SGD(model.parameters(), lr=0.01)
trainer = dl_lab.Trainer(
    model, nn.functional.cross_entropy, sgd, (points, targets), batch_size=40, device="cpu", seed=1
)`;

export const FINDER = "finder = dl_lab.lr_find(trainer)\nfinder";

/** All views on the page, in their order. */
export function finders(page: IJupyterLabPageFixture): Locator {
  return page.locator(".jp-NotebookPanel:visible .dl-learning-rate-finder");
}

/** Wait until a view has drawn its curves. */
export async function finderShown(view: Locator): Promise<void> {
  await expect(view).toHaveAttribute("data-points", /[1-9]/);
}

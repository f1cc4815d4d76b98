// A LossPlot on the page: what the browser tests of the widget make, read and press.
import { type IJupyterLabPageFixture, expect } from "@jupyterlab/galata";
import type { Locator } from "@playwright/test";

/** A cell that makes `cnn(rate)`: a Trainer of a small network on scikit-learn's digits. */
export const DIGITS = `import dl_lab
import torch
from sklearn.datasets import load_digits
from torch import nn

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16
labels = torch.tensor(digits.target)
train, validation = (images[:1500], labels[:1500]), (images[1500:], labels[1500:])


def cnn(rate, seed=0, **options):
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(128, 10)
    )
    sgd = torch.optim.SGD(model.parameters(), lr=rate)
    return dl_lab.Trainer(
        model, nn.CrossEntropyLoss(), sgd, train, validation, metrics="accuracy", seed=seed,
        name=f"lr {rate}", **options
    )`;

export function plots(page: IJupyterLabPageFixture): Locator {
  return page.locator(".jp-NotebookPanel:visible .dl-loss-plot");
}

/** Wait until a view is connected and has heard how far its runs are. */
export async function live(view: Locator): Promise<void> {
  await expect(view).toHaveAttribute("data-connection", "live");
  await expect(view).toHaveAttribute("data-step", /\d/);
}

export async function step(view: Locator): Promise<number> {
  return Number(await view.getAttribute("data-step"));
}

/** Wait until a view shows a step after this one. */
export async function passes(view: Locator, before: number): Promise<void> {
  await expect.poll(() => step(view)).toBeGreaterThan(before);
}

/** What is shown of the x-axis. */
export async function looked(view: Locator): Promise<{ low: number; high: number }> {
  const [low = NaN, high = NaN] = ((await view.getAttribute("data-window")) ?? "")
    .split(" ")
    .map(Number);
  return { low, high };
}

/** Where the curves are, in pixels of the page. */
export async function area(
  view: Locator,
): Promise<{ x: number; y: number; width: number; height: number }> {
  const box = await view.locator(".dl-area").boundingBox();
  if (box === null) throw new Error("The chart has no place.");
  return box;
}

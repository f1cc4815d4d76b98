// A KernelExplorer on the page: the notebook that makes one, and what the tests read of it.
import { type IJupyterLabPageFixture, expect } from "@jupyterlab/galata";
import type { Locator } from "@playwright/test";

export const EXPLORER = "import dl_lab, torch\nexplorer = dl_lab.KernelExplorer()\nexplorer";

/** A layer that takes colour images, with an explorer of its filters. */
export const LAYER = `import dl_lab, torch
torch.manual_seed(0)
layer = torch.nn.Conv2d(3, 8, 5, stride=2, padding=2, padding_mode="reflect")
explorer = dl_lab.KernelExplorer("flower", layer=layer)
explorer`;

/** All views on the page, in their order. */
export function explorers(page: IJupyterLabPageFixture): Locator {
  return page.locator(".jp-NotebookPanel:visible .dl-kernel-explorer");
}

/** Wait until a view has drawn its output. */
export async function drawn(view: Locator): Promise<void> {
  await expect(view).toHaveAttribute("data-drawn", /[1-9]/);
}

/** The numbers of the window, the kernel and the products, as they are before rounding. */
export async function numbers(
  view: Locator,
  block: "window" | "kernel" | "products",
): Promise<number[]> {
  if (block === "kernel") {
    const cells = view.locator(".dl-editor [data-value]");
    return cells.evaluateAll((found) =>
      found.map((cell) => Number(cell.getAttribute("data-value"))),
    );
  }
  const panel = view.locator(`.dl-block-${block} .dl-numbers`);
  return ((await panel.getAttribute("data-values")) ?? "").split(" ").map(Number);
}

/** Choose from a menu by the name of its setting. */
export async function choose(view: Locator, setting: string, value: string): Promise<void> {
  await view.locator(`select[data-setting="${setting}"]`).selectOption(value);
}

// A convolution explorer on the page: where its views and cells are.
import { type IJupyterLabPageFixture, expect } from "@jupyterlab/galata";
import type { Locator } from "@playwright/test";

/** All views on the page, in their order. */
export function explorers(page: IJupyterLabPageFixture): Locator {
  return page.locator(".jp-NotebookPanel:visible .dl-convolution-explorer");
}

/** Wait until a view is connected and has heard of the weights, with time to load torch. */
export async function explorerShown(view: Locator): Promise<void> {
  await expect(view).toHaveAttribute("data-connection", "live");
  await expect(view).toHaveAttribute("data-frames", /[1-9]/);
}

/** A plane of cells: `input`, `weight` or `output`. */
export function plane(view: Locator, part: string, layer = 0): Locator {
  return view.locator(`.dl-plane[data-part="${part}"][data-layer="${layer}"]`);
}

/** Put the pointer on the middle of a cell of a plane. */
export async function pointAt(cells: Locator, row: number, column: number): Promise<void> {
  const { x, y } = await middle(cells, row, column);
  await cells.hover({ position: { x, y } });
}

export async function clickCell(cells: Locator, row: number, column: number): Promise<void> {
  await cells.click({ position: await middle(cells, row, column) });
}

async function middle(cells: Locator, row: number, column: number) {
  const box = await cells.boundingBox();
  if (box === null) throw new Error("There is no such plane.");
  const [rows, columns] = await cells.evaluate((element: HTMLElement) => [
    Number(element.dataset.rows),
    Number(element.dataset.columns),
  ]);
  return { x: ((column + 0.5) * box.width) / columns, y: ((row + 0.5) * box.height) / rows };
}

/** The arithmetic under the picture. */
export function lines(view: Locator): Locator {
  return view.locator(".dl-lines");
}

export function field(view: Locator, name: string): Locator {
  return view.locator(`[data-field="${name}"]`);
}

export async function fill(view: Locator, name: string, text: string): Promise<void> {
  await field(view, name).fill(text);
  await field(view, name).press("Enter");
}

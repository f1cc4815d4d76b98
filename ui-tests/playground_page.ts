// A Playground on the page: what the browser tests of the widget read and press.
import { type IJupyterLabPageFixture, expect } from "@jupyterlab/galata";
import type { Locator } from "@playwright/test";
import { runInKernel } from "./lab";

/** A cell that makes a Playground and shows it. */
export const CELL = "import dl_lab\n\npg = dl_lab.Playground()\npg";

/** All views on the page, in their order. */
export function views(page: IJupyterLabPageFixture): Locator {
  return page.locator(".jp-NotebookPanel:visible .dl-playground");
}

/** Wait until a view is connected and has painted a picture. */
export async function live(view: Locator): Promise<void> {
  await expect(view).toHaveAttribute("data-connection", "live");
  await expect(view).toHaveAttribute("data-epoch", /\d/);
}

export async function epoch(view: Locator): Promise<number> {
  return Number(await view.getAttribute("data-epoch"));
}

/** Wait until a view shows an epoch after this one. */
export async function passes(view: Locator, before: number): Promise<void> {
  await expect.poll(() => epoch(view)).toBeGreaterThan(before);
}

export function notice(view: Locator): Locator {
  return view.locator(".dl-notice .dl-notice-text");
}

export function button(view: Locator, name: string): Locator {
  return view.getByRole("button", { name, exact: true });
}

/** What Python prints for an expression. */
export async function python(page: IJupyterLabPageFixture, expression: string): Promise<string> {
  return (await runInKernel(page, `print(${expression})`)).trim();
}

/** Wait until an expression has this value in the kernel. */
export async function holds(
  page: IJupyterLabPageFixture,
  expression: string,
  value: string,
): Promise<void> {
  await expect.poll(() => python(page, expression), { message: expression }).toBe(value);
}

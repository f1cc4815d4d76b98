// One example of each widget in one notebook, from tests/widgets/cells, as in the other contract tests.
import { type IJupyterLabPageFixture, expect } from "@jupyterlab/galata";
import type { Locator } from "@playwright/test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";

const ROOT = resolve(__dirname, "..");

export const STEMS = readdirSync(resolve(ROOT, "js", "widgets"))
  .flatMap((file) => /^(\w+)\.ts$/.exec(file)?.[1] ?? [])
  .sort();

/** A cell that makes the widget, names it by its stem and shows it. */
export function cellOf(stem: string): string {
  const file = resolve(ROOT, "tests", "widgets", "cells", `${stem}.py`);
  const name = stem.replace(/(?:^|_)(\w)/g, (_, letter: string) => letter.toUpperCase());
  const plain = `import dl_lab\n\nwidget = dl_lab.${name}()\n`;
  return `${existsSync(file) ? readFileSync(file, "utf8") : plain}\n${stem} = widget\n${stem}`;
}

export function viewOf(page: IJupyterLabPageFixture, stem: string): Locator {
  return page.locator(`.jp-NotebookPanel:visible .dl-${stem.replaceAll("_", "-")}`);
}

/** Wait until a view has what it draws, with time for a kernel to load torch. */
export async function shown(view: Locator): Promise<void> {
  await expect(view).toHaveAttribute("data-connection", "live");
  await view.scrollIntoViewIfNeeded();
  const painted = view.and(view.page().locator("[data-drawn], [data-image]"));
  const streamed = view.and(view.page().locator(":not([data-frames='0'])"));
  await expect(painted.or(streamed)).toBeVisible({ timeout: 60_000 });
}

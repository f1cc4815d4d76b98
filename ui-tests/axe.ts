// What axe finds in parts of a page.
import AxeBuilder from "@axe-core/playwright";
import type { Page } from "@playwright/test";

/** The rules that are broken in these parts, each with the elements that break it. */
export async function violations(page: Page, ...parts: string[]): Promise<string[][]> {
  // Otherwise it opens a page for each analysis, to put together what several frames tell.
  const axe = new AxeBuilder({ page }).setLegacyMode();
  for (const part of parts) axe.include(part);
  const found = await axe.options({ resultTypes: ["violations"] }).analyze();
  return found.violations.map(({ id, nodes }) => [id, ...nodes.map(({ html }) => html)]);
}

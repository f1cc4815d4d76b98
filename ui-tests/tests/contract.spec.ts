// What every widget keeps to on a page: it is drawn, axe finds nothing in either theme or in Spanish,
// and 360 px are room enough.
import type { IJupyterLabPageFixture } from "@jupyterlab/galata";
import type { Locator } from "@playwright/test";
import { violations } from "../axe";
import { cellOf, shown, STEMS, viewOf } from "../contract_page";
import { openNotebook, runAll, runInKernel, watchErrors } from "../lab";
import { inNarrow } from "../shot";
import { expect, test } from "../test";

const part = (stem: string) => `.jp-NotebookPanel:not(.lm-mod-hidden) .dl-${stem.replaceAll("_", "-")}`;

/** As it is, and with each of its panels open. */
async function inspect(page: IJupyterLabPageFixture, stem: string): Promise<void> {
  const view = viewOf(page, stem);
  await view.scrollIntoViewIfNeeded();
  expect(await violations(page, part(stem)), stem).toEqual([]);
  for (const button of await view.locator("button[aria-controls]:visible").all()) {
    const name = await button.getAttribute("aria-label");
    await button.click();
    await expect(view.locator(".dl-sheet")).toBeVisible();
    expect(await violations(page, part(stem)), `${stem}: ${name}`).toEqual([]);
    await page.keyboard.press("Escape");
    await expect(view.locator(".dl-sheet")).toBeHidden();
  }
}

/** Parts that reach out of the view, where no part scrolls them. */
async function cutOff(view: Locator): Promise<string[]> {
  return await view.evaluate((root) => {
    const { left, right } = root.getBoundingClientRect();
    const scrolls = (element: Element | null): boolean =>
      element !== null &&
      element !== root &&
      (getComputedStyle(element).overflowX !== "visible" || scrolls(element.parentElement));
    const out = [...root.querySelectorAll("*")].filter((element) => {
      const box = element.getBoundingClientRect();
      const seen = box.width > 1 && box.height > 1;
      return seen && (box.right > right + 1 || box.left < left - 1) && !scrolls(element.parentElement);
    });
    return out.map((element) => `${element.tagName} ${element.getAttribute("class") ?? ""}`);
  });
}

test("every widget is drawn, in either theme, in Spanish and in 360 px", async ({ page, tmpPath }) => {
  const errors = watchErrors(page);
  await openNotebook(page, tmpPath, STEMS.map(cellOf));
  await runAll(page);
  for (const stem of STEMS) {
    await test.step(`${stem} is drawn`, async () => {
      const view = viewOf(page, stem);
      await shown(view);
      const box = await view.boundingBox();
      expect(box?.height).toBeGreaterThan(150);
      await expect(view.locator(".dl-notice")).toBeHidden();
      await inspect(page, stem);
    });
  }
  await page.theme.setDarkTheme();
  for (const stem of STEMS) {
    await test.step(`${stem} in the dark`, async () => {
      const view = viewOf(page, stem);
      await view.scrollIntoViewIfNeeded();
      await expect(view).toHaveAttribute("data-theme", "dark");
      await inspect(page, stem);
    });
  }
  for (const stem of STEMS) {
    await test.step(`${stem} in Spanish, in a narrow column`, async () => {
      const view = viewOf(page, stem);
      const header = view.locator(".dl-header");
      const title = await header.textContent();
      await runInKernel(page, `${stem}.language = "es"`);
      await expect(view).toHaveAttribute("lang", "es");
      await shown(view);
      await view.scrollIntoViewIfNeeded();
      expect(await header.textContent()).not.toBe(title);
      await inNarrow({ page, view }, async () => {
        expect(await cutOff(view)).toEqual([]);
        expect(await violations(page, part(stem)), stem).toEqual([]);
      });
    });
  }
  expect(errors).toEqual([]);
});

// Pictures of every widget as one meets it, and of its help: light, dark, narrow and in Spanish.
import { expect, test } from "@jupyterlab/galata";
import { cellOf, shown, STEMS, viewOf } from "../contract_page";
import { openNotebook, runAll } from "../lab";
import { inNarrow, shoot, shootAll, shootThemes } from "../shot";

test("pictures of every widget", async ({ page, tmpPath }) => {
  test.setTimeout(600_000);
  await openNotebook(page, tmpPath, STEMS.map(cellOf));
  await runAll(page);
  for (const stem of STEMS) {
    await test.step(stem, async () => {
      const view = viewOf(page, stem);
      await shown(view);
      const shooting = { page, view, widget: stem, variable: stem, shown };
      await shootAll(shooting, "first");
      await view.locator("[aria-label=Help]").click();
      await expect(view.locator(".dl-sheet")).toBeVisible();
      await shootThemes(shooting, "help");
      await inNarrow(shooting, () => shoot(shooting, "help-narrow"));
      await page.keyboard.press("Escape");
    });
  }
});

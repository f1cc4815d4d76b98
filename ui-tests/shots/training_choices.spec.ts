// Pictures of the widget's presets and states, light, dark, narrow and in Spanish.
import { test } from "@jupyterlab/galata";
import { expect } from "@playwright/test";
import { cellOf, shown, viewOf } from "../contract_page";
import { openNotebook, runAll } from "../lab";
import { shootAll } from "../shot";

test("pictures of training_choices", async ({ page, tmpPath }) => {
  await openNotebook(page, tmpPath, [cellOf("training_choices")]);
  await runAll(page);
  const view = viewOf(page, "training_choices");
  await shown(view);
  const shooting = { page, view, widget: "training_choices", variable: "training_choices", shown };
  await expect(view.locator(".dl-status-text")).not.toContainText("…");
  await shootAll(shooting, "begin");
});

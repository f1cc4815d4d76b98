// Pictures of the widget's presets and states, light, dark, narrow and in Spanish.
import { test } from "@jupyterlab/galata";
import { expect } from "@playwright/test";
import { cellOf, shown, viewOf } from "../contract_page";
import { openNotebook, runAll } from "../lab";
import { shootAll } from "../shot";

test("pictures of bias_variance", async ({ page, tmpPath }) => {
  await openNotebook(page, tmpPath, [cellOf("bias_variance")]);
  await runAll(page);
  const view = viewOf(page, "bias_variance");
  await shown(view);
  const shooting = { page, view, widget: "bias_variance", variable: "bias_variance", shown };
  await expect(view.locator(".dl-status-text")).not.toContainText("…");
  await shootAll(shooting, "begin");
});

// Pictures of the widget's presets and states, light, dark, narrow and in Spanish.
import { test } from "@jupyterlab/galata";
import { expect } from "@playwright/test";
import { cellOf, shown, viewOf } from "../contract_page";
import { openNotebook, runAll } from "../lab";
import { shootAll, shootThemes } from "../shot";

test("pictures of data_flow", async ({ page, tmpPath }) => {
  await openNotebook(page, tmpPath, [cellOf("data_flow")]);
  await runAll(page);
  const view = viewOf(page, "data_flow");
  await shown(view);
  const shooting = { page, view, widget: "data_flow", variable: "data_flow", shown };
  await expect(view.locator(".dl-status-text")).not.toContainText("…");
  await shootAll(shooting, "begin");
  await view.locator("[data-box=model]").click();
  await expect(view.locator(".dl-detail code")).toContainText("outputs = model(inputs)");
  await shootThemes(shooting, "chosen");
});

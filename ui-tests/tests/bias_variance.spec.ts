// Bias and variance: the capacity that errs least, found by moving it and by clicking the curve.
import type { Locator } from "@playwright/test";
import { violations } from "../axe";
import { cellOf, shown, viewOf } from "../contract_page";
import { openNotebook, runAll, watchErrors } from "../lab";
import { holds } from "../playground_page";
import { expect, test } from "../test";

async function numberOf(view: Locator, name: string): Promise<number> {
  const facts = view.locator("[data-side=fits] .dl-fact");
  const text = await facts.filter({ hasText: name }).locator(".dl-fact-value").textContent();
  return Number((text ?? "").replace("−", "-"));
}

async function slide(view: Locator, name: string, value: string): Promise<void> {
  await view.locator(`input[data-setting=${name}]`).fill(value);
}

test("too simple, too flexible, held back, and beyond", async ({ page, tmpPath }) => {
  const errors = watchErrors(page);
  await openNotebook(page, tmpPath, [cellOf("bias_variance")]);
  await runAll(page);
  const view = viewOf(page, "bias_variance");
  await shown(view);

  await test.step("a line errs by bias, a high degree by variance", async () => {
    await slide(view, "capacity", "1");
    await expect.poll(() => numberOf(view, "bias²")).toBeCloseTo(0.214, 2);
    await slide(view, "capacity", "14");
    await expect.poll(() => numberOf(view, "variance")).toBeGreaterThan(60);
    await expect(view.locator("[data-mark=capacity]")).toHaveText("14");
    expect(await violations(page, ".dl-bias-variance"), "flexible").toEqual([]);
  });

  await test.step("L2 trades variance for bias", async () => {
    await slide(view, "l2", "40");
    await expect.poll(() => numberOf(view, "variance")).toBeLessThan(10);
  });

  await test.step("the curve is clicked, by mouse and keys", async () => {
    const area = view.locator("[data-side=errors] .dl-area");
    const box = (await area.boundingBox()) ?? { width: 0 };
    await area.click({ position: { x: (3 / 40) * box.width, y: 40 } });
    await holds(page, "bias_variance.capacity", "3");
    await area.focus();
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("Enter");
    await holds(page, "bias_variance.capacity", "4");
  });

  await test.step("double descent", async () => {
    await view.locator("[data-preset=descent]").click();
    await holds(page, "bias_variance.reached", "200");
    await expect.poll(() => numberOf(view, "test error")).toBeLessThan(0.2);
    await slide(view, "capacity", "15");
    await expect.poll(() => numberOf(view, "test error")).toBeGreaterThan(1);
  });
  expect(errors).toEqual([]);
});

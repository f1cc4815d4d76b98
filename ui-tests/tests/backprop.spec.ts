// Backprop: a student follows a gradient back, checks it, edits, and trains Trask's network.
import { violations } from "../axe";
import { cellOf, shown, viewOf } from "../contract_page";
import { openNotebook, runAll, runInKernel, watchErrors } from "../lab";
import { holds, notice, python } from "../playground_page";
import { expect, test } from "../test";

const stem = "backprop";

test("follows a gradient back in numbers", async ({ page, tmpPath }) => {
  const errors = watchErrors(page);
  await openNotebook(page, tmpPath, [cellOf(stem)]);
  await runAll(page);
  const view = viewOf(page, stem);
  await shown(view);
  const node = (name: string) => view.locator(`[data-node="${name}"]`);

  await test.step("two paths: the gradient of b is their sum, and the difference quotient agrees", async () => {
    await view.getByRole("button", { name: "Two paths" }).click();
    await expect(view.locator(".dl-surprise")).toContainText("is the sum");
    // The neuron before has a b, too.
    await expect(node("e")).toBeVisible();
    await node("b").click();
    await expect(view.locator(".dl-chain math").last()).toContainText("=2·1+3·1=5");
    const check = view.locator(".dl-check-line");
    await expect(check).toContainText("difference quotient 5.000");
    expect(Number(await check.getAttribute("data-relative"))).toBeLessThan(1e-6);
  });

  await test.step("back from the end, one operation at a time", async () => {
    await view.getByLabel("One step back").click();
    await expect(node("b")).toHaveAttribute("aria-label", /gradient –/);
    await expect(node("e")).toHaveAttribute("aria-label", /gradient 1\.000/);
    await view.getByRole("button", { name: "Play" }).click();
    await expect(node("b")).toHaveAttribute("aria-label", /gradient 5\.000/);
  });

  await test.step("another value, typed; a sentence for what is none", async () => {
    await node("b").focus();
    await page.keyboard.press("Enter");
    const field = view.locator("[data-edit]");
    await field.fill("3");
    await field.press("Enter");
    await holds(page, `float(${stem}.values["e"])`, "20.0");
    await expect(node("e")).toHaveAttribute("aria-label", /value 20\.00/);
    await field.fill("many");
    await field.press("Enter");
    await expect(notice(view)).toContainText("is not a number");
    expect(await violations(page, ".dl-backprop"), "edited").toEqual([]);
  });

  await test.step("a training step tells old weight, gradient and new weight", async () => {
    await view.getByRole("button", { name: "Two paths" }).click();
    await view.locator("[data-setting=example]").selectOption("neuron");
    await expect(view.locator(".dl-updates li").nth(1)).toContainText(
      "w2: 0.4000 − 0.5 · 0.2618 = 0.2691",
    );
    await view.locator("[data-step]").click();
    await holds(page, `round(float(${stem}.values["w2"]), 4)`, "0.2691");
    await expect(view.locator(".dl-train h4")).toHaveText("The last step did");
  });

  await test.step("the network in 11 lines trains, pauses and begins anew", async () => {
    await view.getByRole("button", { name: "11 lines" }).click();
    await expect(view.locator(".dl-status-text")).toContainText("mean error 0.4964");
    await view.locator("[data-run]").click();
    await expect(view.locator("[data-run]")).toHaveText("Pause");
    await expect
      .poll(async () => Number(await python(page, `${stem}.iteration`)))
      .toBeGreaterThan(200);
    await view.locator("[data-run]").click();
    await holds(page, `${stem}.running`, "False");
    await view.getByLabel("Start over").click();
    await holds(page, `${stem}.iteration`, "0");
  });

  await test.step("Python: an edit shows at once", async () => {
    await runInKernel(page, `${stem}.edit("syn0", 0.25, 2)`);
    await expect(node("syn0")).toHaveAttribute("aria-label", /syn0/);
    await holds(page, `float(${stem}.values["syn0"][0, 2])`, "0.25");
  });
  expect(await python(page, `${stem}.problem`)).toBe("None");
  expect(errors).toEqual([]);
});

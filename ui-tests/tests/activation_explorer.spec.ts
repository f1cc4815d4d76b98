// The activation explorer: a student finds out why a deep network of sigmoids does not learn.
import { cellOf, shown, viewOf } from "../contract_page";
import { openNotebook, runAll, watchErrors } from "../lab";
import { holds, notice, python } from "../playground_page";
import { expect, test } from "../test";

test("shows where a gradient dies, and what fixes it", async ({ page, tmpPath }) => {
  const errors = watchErrors(page);
  const stem = "activation_explorer";
  await openNotebook(page, tmpPath, [cellOf(stem)], { kernel: "ipykernel-6.30" });
  await runAll(page);
  const view = viewOf(page, stem);
  await shown(view);
  const status = view.locator(".dl-status-text");
  const curves = view.getByRole("slider", { name: "Functions and their derivatives" });

  await test.step("a first surprise", async () => {
    await expect(status).toContainText("The gradient arrives");
    await view.getByRole("button", { name: "Sigmoid vanishes" }).click();
    await expect(status).toContainText("The gradient vanishes");
    await expect(view.locator(".dl-surprise")).toContainText("at most ¼");
    await holds(page, `${stem}.activation`, "Sigmoid");
  });

  await test.step("keys read the slope at 0, a quarter", async () => {
    await curves.focus();
    await expect(curves).toHaveAttribute("aria-valuetext", /Sigmoid: 0\.5000, f′ 0\.2500/);
    await page.keyboard.press("PageDown");
    await expect(curves).toHaveAttribute("aria-valuenow", "290");
  });

  await test.step("a deeper network, and batch norm", async () => {
    await view.locator("[data-setting=layers]").fill("20");
    await holds(page, `${stem}.layers`, "20");
    await view.locator("[data-setting=batch_norm]").check();
    await holds(page, `${stem}.batch_norm`, "True");
    const layers = view.getByRole("slider", { name: "Gradients that arrive at each layer" });
    await expect(layers).toHaveAttribute("aria-valuemax", "19");
    await layers.focus();
    await page.keyboard.press("End");
    await expect(layers).toHaveAttribute("aria-valuenow", "19");
  });

  await test.step("a parameter bends the curve, the formula says by how much", async () => {
    await view.locator("[data-setting=activation]").selectOption("ELU");
    await view.locator("[data-setting=alpha]").fill("2.5");
    await expect(view.locator("[data-value=alpha]").first()).toHaveText("2.5");
    await expect(view.locator(".dl-code-line code")).toHaveText("nn.ELU(alpha=2.5)");
    await expect(view.locator("[data-setting=beta]")).toBeHidden();
    await expect(notice(view)).toBeHidden();
  });

  await test.step("others beside it, and away again", async () => {
    await view.locator("select[data-setting=compared]").selectOption("Mish");
    await holds(page, `", ".join(${stem}.compared)`, "Tanh, Mish");
    await view.getByRole("button", { name: "Remove Tanh" }).click();
    await holds(page, `", ".join(${stem}.compared)`, "Mish");
  });
  expect(await python(page, `${stem}.problem`)).toBe("None");
  expect(errors).toEqual([]);
});

// UniversalApproximation: a student builds a curve from neurons, draws one, and lets torch learn it.
import { violations } from "../axe";
import { cellOf, shown, viewOf } from "../contract_page";
import { openNotebook, runAll, watchErrors } from "../lab";
import { holds, python } from "../playground_page";
import { expect, test } from "../test";

const stem = "universal_approximation";

type Place = readonly [x: number, y: number];

test("builds a curve and learns it", async ({ page, tmpPath }) => {
  const errors = watchErrors(page);
  await openNotebook(page, tmpPath, [cellOf(stem)]);
  await runAll(page);
  const view = viewOf(page, stem);
  await shown(view);
  const area = view.locator(".dl-flat .dl-area");
  const error = async () => Number(await view.getAttribute("data-error"));
  /** Drag over the plot, along places in shares of its width and height. */
  const drag = async (first: Place, ...places: readonly Place[]) => {
    await area.scrollIntoViewIfNeeded();
    const box = (await area.boundingBox()) ?? { x: 0, y: 0, width: 0, height: 0 };
    const at = ([x, y]: Place) => [box.x + x * box.width, box.y + y * box.height] as const;
    await page.mouse.move(...at(first));
    await page.mouse.down();
    for (const place of places) await page.mouse.move(...at(place), { steps: 5 });
    await page.mouse.up();
  };

  await test.step("the step goes where it is dragged", async () => {
    await drag([0.5, 0.5], [0.85, 0.5]);
    await expect(view.locator("[data-mark=step]")).toHaveText(/−b \/ w = 0\.8[45]/);
    const apart = async () =>
      Number(await python(page, `abs(${stem}.bias / ${stem}.weight + 0.85)`));
    await expect.poll(apart).toBeLessThan(0.02);
  });

  await test.step("bumps, dragged, then fitted", async () => {
    await view.getByRole("button", { name: "20 bumps" }).click();
    await expect(view).toHaveAttribute("data-stage", "bumps");
    const flat = await error();
    await drag([0.02, 0.7], [0.4, 0.7], [0.98, 0.2]);
    await expect.poll(error).toBeLessThan(flat);
    await view.getByRole("button", { name: "Fit the heights" }).click();
    await expect.poll(error).toBeLessThan(0.025);
    await area.focus();
    const fitted = await error();
    for (let press = 0; press < 5; press++) await page.keyboard.press("ArrowUp");
    await expect.poll(error).toBeGreaterThan(fitted);
    expect(await violations(page, ".dl-universal-approximation"), "bumps").toEqual([]);
  });

  await test.step("a target that is drawn", async () => {
    await view.getByRole("button", { name: "Draw the target" }).click();
    await drag([0, 0.8], [0.5, 0.2], [1, 0.8]);
    await holds(page, `${stem}.target`, "drawn");
    const top = `float(${stem}.compute()[1]["target"].argmax()) / 200`;
    await expect.poll(async () => Math.abs(Number(await python(page, top)) - 0.5)).toBeLessThan(0.03);
    await view.getByRole("button", { name: "Draw the target" }).click();
  });

  await test.step("torch learns it, and another size is a click away", async () => {
    await view.locator("[data-setting=stage]").selectOption("learn");
    const before = await error();
    await view.getByRole("button", { name: "Train" }).click();
    await expect.poll(error).toBeLessThan(before / 2);
    await view.getByRole("button", { name: "Pause" }).click();
    await holds(page, `${stem}.running`, "False");
    const curve = view.locator(".dl-errors .dl-area");
    await curve.focus();
    await page.keyboard.press("End");
    await page.keyboard.press("Enter");
    await holds(page, `${stem}.neurons`, "64");
  });

  await test.step("a surface, by towers", async () => {
    await view.locator("[data-setting=target]").selectOption("hills");
    await view.locator("[data-setting=stage]").selectOption("bumps");
    await expect(view.getByRole("application", { name: "Output" })).toBeVisible();
    const flat = await error();
    await view.getByRole("button", { name: "Fit the heights" }).click();
    await expect.poll(error).toBeLessThan(flat / 3);
    expect(await violations(page, ".dl-universal-approximation"), "towers").toEqual([]);
  });
  expect(await python(page, `${stem}.problem`)).toBe("None");
  expect(errors).toEqual([]);
});

// The cost explorer: a student finds out why classifiers are not trained with squared error.
import type { Locator } from "@playwright/test";
import { cellOf, shown, viewOf } from "../contract_page";
import { openNotebook, runAll, watchErrors } from "../lab";
import { holds, notice, python } from "../playground_page";
import { expect, test } from "../test";

async function middle(part: Locator): Promise<{ x: number; y: number; height: number }> {
  const box = await part.boundingBox();
  if (box === null) throw new Error("It is not on the page.");
  return { x: box.x + box.width / 2, y: box.y + box.height / 2, height: box.height };
}

test("shows how hard each cost pulls", async ({ page, tmpPath }) => {
  const errors = watchErrors(page);
  const stem = "cost_explorer";
  await openNotebook(page, tmpPath, [cellOf(stem)], { kernel: "ipykernel-6.30" });
  await runAll(page);
  const view = viewOf(page, stem);
  await shown(view);

  await test.step("squared error stalls behind a sigmoid", async () => {
    await view.getByRole("button", { name: "Squared error stalls" }).click();
    const arriving = view.getByRole("slider", { name: "What arrives at the logit" });
    await arriving.focus();
    // The keys begin where the answer is very wrong.
    await expect(arriving).toHaveAttribute("aria-valuetext", "MSE −0.01321 BCE −0.9933");
  });

  await test.step("a logit is dragged, and its class made the right one", async () => {
    await view.locator("[data-setting=task]").selectOption("classes");
    await expect(view).toHaveAttribute("data-task", "classes");
    const logits = view.getByRole("group", { name: "Logits" });
    const bar = logits.getByRole("slider", { name: "1", exact: true });
    await bar.scrollIntoViewIfNeeded();
    const { x, y, height } = await middle(bar);
    await page.mouse.move(x, y);
    await page.mouse.down();
    await page.mouse.move(x, y - height / 4, { steps: 5 });
    await page.mouse.up();
    await holds(page, `abs(${stem}.logits[1] - 4) < 0.3`, "True");
    await bar.press("End");
    await holds(page, `${stem}.logits[1]`, "8.0");
    await view.getByRole("button", { name: "Class 1 is right" }).click();
    await holds(page, `${stem}.right`, "1");
    await view.getByRole("button", { name: "Add a class" }).click();
    await holds(page, `len(${stem}.logits)`, "5");
    const pulled = view.locator("tr[data-chosen] td").last();
    await expect(pulled).toHaveText(/^0\.00\d+$/);
  });

  await test.step("an outlier is dragged, the lines are trained anew", async () => {
    await view.locator("[data-setting=task]").selectOption("outlier");
    const handle = view.locator("[data-handle=outlier]");
    await handle.scrollIntoViewIfNeeded();
    const equation = view.locator("[data-task=outlier] tbody tr").first().locator("td").first();
    await expect(equation).toHaveText(/x$/);
    const before = await equation.innerText();
    const { x, y } = await middle(handle);
    await page.mouse.move(x, y);
    await page.mouse.down();
    await page.mouse.move(x, y - 150, { steps: 8 });
    await page.mouse.up();
    await holds(page, `${stem}.outlier[1] > 0`, "True");
    await expect(equation).not.toHaveText(before);
    await expect.poll(() => python(page, `${stem}.unfinished`)).toBe("False");
  });

  await test.step("a point is pushed away by keys until the cost is 0", async () => {
    await view.locator("[data-setting=task]").selectOption("pairs");
    const negative = view.locator("[data-handle=negative]");
    await negative.focus();
    const cost = view.locator("[data-task=pairs] tr[data-chosen] td").first();
    for (let i = 0; i < 40; i++) await page.keyboard.press("ArrowLeft");
    await holds(page, `${stem}.negative[0]`, "-3.0");
    await expect(cost).toHaveText("0.000");
    await expect(notice(view)).toBeHidden();
  });
  expect(await python(page, `${stem}.problem`)).toBe("None");
  expect(errors).toEqual([]);
});

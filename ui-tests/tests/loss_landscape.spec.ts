// The loss landscape: a student watches it come, clicks a place, looks at the network, comes back.
import { expect, test } from "../test";
import { violations } from "../axe";
import { cellOf, shown, viewOf } from "../contract_page";
import { openNotebook, runAll, runInKernel, watchErrors } from "../lab";
import { holds } from "../playground_page";

const SAME = "all(bool((a == b).all()) for a, b in zip(before, model.parameters()))";

test("weights are put where one clicks, and brought back", async ({ page, tmpPath }) => {
  const errors = watchErrors(page);
  await openNotebook(page, tmpPath, [
    cellOf("loss_landscape"),
    "landscape = widget\nbefore = [p.detach().clone() for p in model.parameters()]",
  ]);
  await runAll(page);
  const view = viewOf(page, "loss_landscape");
  await shown(view);
  await expect(view).toHaveAttribute("data-share", "1.000");
  await expect(view).toHaveAttribute("data-through", "run");
  const place = view.locator(".dl-place");

  await test.step("a click puts the weights there; the loss beside it is the network's", async () => {
    const box = await place.boundingBox();
    if (box === null) throw new Error("There is no plane.");
    await page.mouse.click(box.x + 0.5 * box.width, box.y + 0.3 * box.height);
    await expect(view).toHaveAttribute("data-back", "1");
    await holds(page, SAME, "False");
    const told = await view.locator("[data-number=weights_loss]").innerText();
    await holds(page, "f'{float(trainer.loss(model(points), targets)):.3f}'", told);
    expect(await violations(page, ".dl-loss-landscape"), "moved").toEqual([]);
  });

  await test.step("keys do the same, and undo goes back step by step", async () => {
    await place.focus();
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowUp");
    await page.keyboard.press("Enter");
    await expect(view).toHaveAttribute("data-back", "2");
    await view.locator(".dl-undo").click();
    await expect(view).toHaveAttribute("data-back", "1");
    await view.locator(".dl-undo").click();
    await expect(view).toHaveAttribute("data-back", "0");
    await holds(page, SAME, "True");
    await expect(view.locator(".dl-undo")).toHaveAttribute("aria-disabled", "true");
  });

  await test.step("training draws its way; the landscape is measured when it pauses", async () => {
    await runInKernel(page, "trainer.pace = 20; trainer.start(20)");
    await expect(view.locator(".dl-hint")).toContainText("It is training");
    await expect(view.locator(".dl-hint")).toContainText("Click a place");
    await expect(view).toHaveAttribute("data-share", "1.000");
    await holds(page, "trainer.epoch", "40");
  });

  await test.step("a line; a click on it goes there", async () => {
    await view.locator("[data-preset=line]").click();
    await expect(view).toHaveAttribute("data-through", "random");
    const area = view.locator(".dl-chart .dl-area");
    await expect(area).toBeVisible();
    const box = await area.boundingBox();
    if (box === null) throw new Error("There is no chart.");
    await page.mouse.move(box.x + 0.75 * box.width, box.y + 50);
    await page.mouse.click(box.x + 0.75 * box.width, box.y + 50);
    await expect(view).toHaveAttribute("data-back", "1");
    await holds(page, "abs(landscape.compute()[0]['here'][0] - 0.5) < 0.02", "True");
  });
  expect(errors).toEqual([]);
});

// Choices of training: which switch helps the same network, found by moving it.
import type { Locator } from "@playwright/test";
import { violations } from "../axe";
import { cellOf, shown, viewOf } from "../contract_page";
import { openNotebook, runAll, watchErrors } from "../lab";
import { button, holds } from "../playground_page";
import { expect, test } from "../test";

/** A number under one of the charts. */
function fact(view: Locator, side: string, name: string): Locator {
  const facts = view.locator(`[data-side=${side}] .dl-fact`);
  return facts.filter({ has: view.page().locator(".dl-label", { hasText: name }) }).locator(".dl-fact-value");
}

test("weight decay and early stopping keep the test loss low", async ({ page, tmpPath }) => {
  const errors = watchErrors(page);
  await openNotebook(page, tmpPath, [cellOf("training_choices")]);
  await runAll(page);
  const view = viewOf(page, "training_choices");
  await shown(view);
  const done = () => expect(view.locator(".dl-status-text")).toHaveText("Done");
  const loss = async (side: string) => Number(await fact(view, side, "test loss").first().textContent());

  await test.step("both train to the end; without decay the network overfits", async () => {
    await done();
    expect(await loss("left")).toBeGreaterThan(1.5);
    expect(await loss("right")).toBeLessThan(0.3);
    expect(await violations(page, ".dl-training-choices"), "done").toEqual([]);
  });

  await test.step("another switch has another amount beside it", async () => {
    await view.locator("select[data-setting=switch]").selectOption("early_stopping");
    await expect(view.locator("[data-setting=patience]")).toBeVisible();
    await expect(view.locator("[data-setting=weight_decay]")).toBeHidden();
    await done();
    await expect(view.locator("[data-side=right] [data-mark=stopped]")).toBeVisible();
    expect(await loss("right")).toBeLessThan(0.25);
    await holds(page, "training_choices.pair.right.stopped", "45");
  });

  await test.step("a preset changes all that it needs, and says what to see", async () => {
    await view.locator("[data-preset=batch_norm]").click();
    await expect(view.locator(".dl-surprise")).toContainText("Six layers");
    await done();
    await expect(fact(view, "left", "test accuracy")).toHaveText(/^1\d\.\d %|^\d\.\d %/);
    await expect(fact(view, "right", "test accuracy")).toHaveText(/^[89]\d\.\d %/);
  });

  await test.step("again, and a pause", async () => {
    await view.locator("[data-preset=dropout]").click();
    await button(view, "Start again").click();
    await view.locator(".dl-play").click();
    await expect(view.locator(".dl-status-text")).toContainText("Paused at step");
    await view.locator(".dl-play").click();
    await done();
  });
  expect(errors).toEqual([]);
});

// Pictures of the Playground.
import { expect, test } from "@jupyterlab/galata";
import { openNotebook, runAll, runInKernel } from "../lab";
import { button, CELL, holds, live, notice, passes, views } from "../playground_page";
import { inNarrow, shoot, shootAll, shootThemes, type Shooting } from "../shot";

test("pictures of the playground", async ({ page, tmpPath }) => {
  await openNotebook(page, tmpPath, [CELL]);
  await runAll(page);
  const view = views(page);
  const shooting: Shooting = { page, view, widget: "playground", variable: "pg", shown: live };
  await live(view);

  await test.step("at first", () => shootAll(shooting, "first"));

  await test.step("training and trained", async () => {
    const play = view.locator(".dl-play");
    await play.click();
    await passes(view, 40);
    await shootThemes(shooting, "training");
    await runInKernel(page, "pg.pause(); pg.rewind(); pg.trainer.fit(300)");
    await expect(view).toHaveAttribute("data-epoch", "300");
    await shootAll(shooting, "trained");
  });

  await test.step("a neuron's card, a neuron enlarged, a link's weight", async () => {
    await view.locator('[data-unit="0.1"]').click();
    await expect(view.locator(".dl-card")).toBeVisible();
    await shootThemes(shooting, "neuron");
    await inNarrow(shooting, () => shoot(shooting, "neuron-narrow"));
    await view.locator(".dl-card").getByRole("button", { name: "Close" }).click();
    const feature = await view.locator('[data-feature="x"]').boundingBox();
    const unit = await view.locator('[data-unit="0.0"]').boundingBox();
    if (feature === null || unit === null) throw new Error("The link has no ends.");
    const x = (feature.x + feature.width + unit.x) / 2;
    await page.mouse.click(x, (feature.y + feature.height / 2 + unit.y + unit.height / 2) / 2);
    await expect(view.locator(".dl-link-editor")).toBeVisible();
    await shootThemes(shooting, "link");
    await page.keyboard.press("Escape");
    await view.locator('[data-unit="1.0"]').hover();
    await shoot(shooting, "hover");
  });

  await test.step("its panels", async () => {
    for (const panel of ["Advanced", "Code", "Help"]) {
      await button(view, panel).click();
      const sheet = view.locator(`.dl-sheet[data-panel="${panel.toLowerCase()}"]`);
      await expect(sheet).toBeVisible();
      await shootThemes(shooting, panel.toLowerCase());
      await inNarrow(shooting, () => shoot(shooting, `${panel.toLowerCase()}-narrow`));
      await page.keyboard.press("Escape");
    }
  });

  await test.step("the largest network on the spiral", async () => {
    const largest =
      "pg.set(data='spiral', hidden=(8,) * 6, noise=10, show_test=True, learning_rate=0.03," +
      " features=('x', 'y', 'x2', 'y2', 'xy', 'sin_x', 'sin_y')); pg.trainer.fit(60)";
    await runInKernel(page, largest);
    await expect(view.locator("[data-unit]")).toHaveCount(6 * 8 + 1);
    await expect(view).toHaveAttribute("data-epoch", "60");
    await shootAll(shooting, "largest");
  });

  await test.step("diverged, in regression", async () => {
    await runInKernel(
      page,
      "pg.set(problem='regression', activation='linear', hidden=(4, 4, 4), learning_rate=10," +
        " regularization=None, features=('x', 'y'))",
    );
    await view.locator(".dl-play").click();
    await expect(notice(view)).toContainText("Training diverged");
    await shootAll(shooting, "diverged");
  });

  await test.step("without its kernel", async () => {
    await holds(page, "pg.trainer.state", "paused");
    await page.menu.clickMenuItem("Kernel>Restart Kernel…");
    await page.locator(".jp-Dialog button.jp-mod-accept").click();
    await expect(view).toHaveAttribute("data-connection", "gone");
    await shootThemes(shooting, "gone");
  });
});

// The Playground's life: reloads, second views, restarts, closed tabs, Run All pressed twice.
import {
  KERNELS,
  kernelIdle,
  openNotebook,
  openPath,
  reload,
  runAll,
  runInKernel,
  watchErrors,
} from "../lab";
import { CELL, epoch, holds, live, notice, passes, python, views } from "../playground_page";
import { expect, test, testOfItsOwn } from "../test";

for (const kernel of KERNELS) {
  test(`a reload in mid-run and a closed tab lose nothing on ${kernel}`, async ({
    page,
    tmpPath,
  }) => {
    const errors = watchErrors(page);
    const path = `${tmpPath}/test.ipynb`;
    await openNotebook(page, tmpPath, [CELL], { kernel });
    await runAll(page);
    const view = views(page);
    await live(view);
    const activation = view.locator('[data-setting="activation"]');
    await activation.selectOption({ label: "Sigmoid" });
    const made = await python(page, "id(pg), __import__('os').getpid()");
    await view.locator(".dl-play").click();
    await passes(view, 0);
    await page.notebook.save();

    await test.step("the page is loaded again while it trains", async () => {
      const before = await epoch(view);
      await reload(page);
      await openPath(page, path);
      await live(view);
      await passes(view, before);
      await expect(view).toHaveAttribute("data-state", "running");
      await passes(view, await epoch(view));
      expect(await python(page, "id(pg), __import__('os').getpid()")).toBe(made);
      expect(await python(page, "pg.trainer.state")).toBe("running");
      await expect(view.locator(".dl-notice")).toBeHidden();
      await expect(activation).toHaveValue("sigmoid");
    });

    await test.step("the tab is closed and opened again", async () => {
      await view.locator(".dl-play").click();
      await holds(page, "pg.trainer.state", "paused");
      const still = await python(page, "pg.trainer.epoch");
      await page.notebook.save();
      await page.notebook.close(false);
      await expect(page.locator(".jp-NotebookPanel")).toHaveCount(0);
      await openPath(page, path);
      await live(view);
      await expect(view).toHaveAttribute("data-epoch", still);
      expect(await python(page, "id(pg), __import__('os').getpid()")).toBe(made);
      await view.locator(".dl-play").click();
      await passes(view, Number(still));
    });
    expect(errors).toEqual([]);
  });
}

test.describe("with restarts as the server answers them", () => {
  // Galata, where it keeps a list of kernels, gives back 201 for a restart: Lab takes it for an error.
  testOfItsOwn.use({ kernels: null });

  testOfItsOwn("two views are one widget, and a restart tells both", async ({ page, tmpPath }) => {
    const errors = watchErrors(page);
    await openNotebook(page, tmpPath, [CELL, "pg"]);
    await runAll(page);
    const all = views(page);
    await expect(all).toHaveCount(2);
    const [first, second] = [all.first(), all.last()];

    await test.step("both are live and pause together", async () => {
      await live(first);
      await first.locator(".dl-play").click();
      await second.scrollIntoViewIfNeeded();
      await live(second);
      await passes(second, 0);
      await passes(second, await epoch(second));
      await second.locator(".dl-play").click();
      await holds(page, "pg.trainer.state", "paused");
      await expect(first).toHaveAttribute("data-state", "paused");
      await expect(second).toHaveAttribute("data-state", "paused");
      const still = await python(page, "pg.trainer.epoch");
      await expect(second).toHaveAttribute("data-epoch", still);
      await first.scrollIntoViewIfNeeded();
      await expect(first).toHaveAttribute("data-epoch", still);
    });

    await test.step("a restarted kernel is told, and the cell brings it back", async () => {
      await page.menu.clickMenuItem("Kernel>Restart Kernel…");
      await page.locator(".jp-Dialog button.jp-mod-accept").click();
      for (const view of [first, second]) {
        await expect(view).toHaveAttribute("data-connection", "gone");
        await expect(notice(view)).toContainText("Run the cell again to go on");
        await expect(view.locator(".dl-play")).toBeDisabled();
        await expect(view.locator('[data-setting="activation"]')).toBeDisabled();
      }
      await kernelIdle(page);
      await runAll(page);
      await live(all.first());
      await all.first().locator(".dl-play").click();
      await passes(all.first(), 0);
      await expect(all).toHaveCount(2);
      await expect(all.first().locator(".dl-notice")).toBeHidden();
    });

    await test.step("one that is shut down too", async () => {
      await page.menu.clickMenuItem("Kernel>Shut Down Kernel");
      for (const view of [all.first(), all.last()]) {
        await expect(view).toHaveAttribute("data-connection", "gone");
        await expect(notice(view)).toContainText("Run the cell again to go on");
      }
    });
    expect(errors).toEqual([]);
  });
});

test("Run All pressed twice leaves one Playground that trains", async ({ page, tmpPath }) => {
  const errors = watchErrors(page);
  const kept = "made = globals().get('made', [])\nmade.append(pg)";
  await openNotebook(page, tmpPath, [CELL, `${kept}\npg.play()`]);
  await runAll(page);
  const view = views(page);
  await live(view);
  await passes(view, 0);
  await runAll(page);
  await holds(page, "len(made)", "2");
  await live(view);
  await passes(view, await epoch(view));
  await expect(view).toHaveAttribute("data-state", "running");
  await holds(page, "[old.trainer.state for old in made]", "['paused', 'running']");
  const names = "[thread.name for thread in __import__('threading').enumerate()]";
  expect(await python(page, `${names}.count('dl-lab trainer')`)).toBe("1");
  await passes(view, await epoch(view));
  expect(errors).toEqual([]);
});

test("a cell that runs again leaves one Playground, and loses none that is held", async ({
  page,
  tmpPath,
}) => {
  const errors = watchErrors(page);
  const path = `${tmpPath}/test.ipynb`;
  await openNotebook(page, tmpPath, [CELL]);
  await runAll(page);
  const view = views(page);
  await live(view);
  const open =
    "[type(one).__name__ for one in __import__('ipywidgets').widgets.widget._instances.values()]" +
    ".count('Playground')";
  for (let times = 0; times < 3; times++) {
    const before = await python(page, "id(pg)");
    await runAll(page);
    await expect.poll(() => python(page, "id(pg)")).not.toBe(before);
    await live(view);
    await holds(page, open, "1");
  }

  await runInKernel(page, "held = pg");
  await runAll(page);
  await holds(page, "held is pg", "False");
  await live(view);
  await page.notebook.save();
  await reload(page);
  await openPath(page, path);
  await live(view);
  await page.notebook.setCell(0, "code", "held");
  await runAll(page);
  await live(view);
  await view.locator(".dl-play").click();
  await holds(page, "held.trainer.state", "running");
  await passes(view, 0);
  expect(errors).toEqual([]);
});

// Pictures of the LossPlot.
import { expect, type IJupyterLabPageFixture, test } from "@jupyterlab/galata";
import type { Locator } from "@playwright/test";
import { openNotebook, runAll, runInKernel } from "../lab";
import { area, DIGITS, live, looked, passes, plots } from "../loss_plot_page";
import { button, notice } from "../playground_page";
import { inNarrow, shoot, shootAll, shootThemes, type Shooting } from "../shot";

const ONE = "trainer = cnn(0.05)\nplot = dl_lab.LossPlot(trainer, epochs=12, y_scale='log')\nplot";

const THREE = `three = dl_lab.compare(
    cnn(0.001), cnn(0.3), cnn(2.5), names=("too low", "right", "too high"), epochs=12
)
three`;

const FAILS = `model = nn.Sequential(nn.Flatten(), nn.Linear(64, 9))
sgd = torch.optim.SGD(model.parameters(), lr=0.1)
broken = dl_lab.LossPlot(dl_lab.Trainer(model, nn.CrossEntropyLoss(), sgd, train))
broken`;

const DIVERGES = `line = nn.Sequential(nn.Flatten(), nn.Linear(64, 1))
sgd = torch.optim.SGD(line.parameters(), lr=0.5)
wild = dl_lab.Trainer(line, nn.MSELoss(), sgd, (images, labels[:, None].float()))
diverged = dl_lab.LossPlot(wild, epochs=50, y_scale="log")
diverged`;

async function shown(view: Locator): Promise<void> {
  await live(view);
  await expect
    .poll(async () => {
      if (await view.locator(".dl-empty").isVisible()) return true;
      return Number(await view.getAttribute("data-drawn")) > 0;
    })
    .toBe(true);
}

async function shooting(
  page: IJupyterLabPageFixture,
  tmpPath: string,
  cell: string,
  variable: string,
): Promise<Shooting> {
  await openNotebook(page, tmpPath, [DIGITS, cell]);
  await runAll(page);
  const view = plots(page);
  await shown(view);
  return { page, view, widget: "loss_plot", variable, shown };
}

/** Point at a share of the chart's width until the card shows what is there. */
async function read({ page, view }: Shooting, share: number): Promise<void> {
  await view.scrollIntoViewIfNeeded();
  await expect(async () => {
    const { x, y, width, height } = await area(view);
    await page.mouse.move(x, y);
    await page.mouse.move(x + share * width, y + 0.5 * height);
    await expect(view.locator(".dl-card-title")).toBeVisible({ timeout: 1000 });
  }).toPass();
}

test("pictures of one run", async ({ page, tmpPath }) => {
  const one = await shooting(page, tmpPath, ONE, "plot");
  const { view } = one;
  await shootAll(one, "first");

  await test.step("training, paused, finished", async () => {
    await runInKernel(page, "trainer.fit(3); trainer.pace = 0.2");
    await view.locator(".dl-play").click();
    await passes(view, 3 * 24);
    await shootAll(one, "training");
    await runInKernel(page, "trainer.pause()");
    await expect(view).toHaveAttribute("data-state", "paused");
    await shootThemes(one, "paused");
    await inNarrow(one, () => shoot(one, "paused-narrow"));
    await runInKernel(page, "trainer.pace = None; trainer.learning_rate = 0.02; plot.smoothing = 0.9");
    await view.locator(".dl-play").click();
    await expect(view).toHaveAttribute("data-state", "finished");
    await shootAll(one, "finished");
  });

  await test.step("reading a value, zoomed in", async () => {
    await read(one, 0.4);
    const { x, y, width, height } = await area(view);
    await shootThemes(one, "reading");
    const whole = (await looked(view)).high;
    await page.mouse.move(x + 0.5 * width, y + 0.5 * height);
    await page.mouse.down();
    await page.mouse.move(x + 0.6 * width, y + 0.5 * height);
    await page.mouse.move(x + 0.64 * width, y + 0.5 * height);
    await shoot(one, "dragging");
    await page.mouse.up();
    await expect.poll(async () => (await looked(view)).high).toBeLessThan(whole);
    await page.mouse.move(x + 0.3 * width, y + 0.5 * height);
    await shootThemes(one, "zoomed");
    await inNarrow(one, () => shoot(one, "zoomed-narrow"));
  });

  await test.step("panels and questions", async () => {
    for (const panel of ["Export", "Help"]) {
      await button(view, panel).click();
      await shootThemes(one, panel.toLowerCase());
      await inNarrow(one, () => shoot(one, `${panel.toLowerCase()}-narrow`));
      await page.keyboard.press("Escape");
    }
    await button(view, "Reset").click();
    await expect(notice(view)).toBeVisible();
    await shootThemes(one, "reset");
  });

  await test.step("without its kernel", async () => {
    await page.menu.clickMenuItem("Kernel>Restart Kernel…");
    await page.locator(".jp-Dialog button.jp-mod-accept").click();
    await expect(view).toHaveAttribute("data-connection", "gone");
    await shootThemes(one, "gone");
  });
});

test("pictures of three runs", async ({ page, tmpPath }) => {
  const three = await shooting(page, tmpPath, THREE, "three");
  const { view } = three;
  await expect(view).toHaveAttribute("data-state", "finished");
  await shootAll(three, "three");
  await read(three, 0.7);
  await shootThemes(three, "three-reading");
  await inNarrow(three, async () => {
    await view.locator(".dl-area").focus();
    await page.keyboard.press("ArrowLeft");
    await expect(view.locator(".dl-card-title")).toBeVisible();
    await shoot(three, "three-reading-narrow");
  });
});

for (const [name, cell, variable, state] of [
  ["failed", FAILS, "broken", "failed"],
  ["diverged", DIVERGES, "diverged", "paused"],
] as const) {
  test(`pictures of a run that ${name}`, async ({ page, tmpPath }) => {
    const run = await shooting(page, tmpPath, cell, variable);
    await run.view.locator(".dl-play").click();
    await expect(run.view).toHaveAttribute("data-state", state);
    await expect(notice(run.view)).toBeVisible();
    await shootAll(run, name);
  });
}

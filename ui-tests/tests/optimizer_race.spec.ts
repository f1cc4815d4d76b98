// The optimizer race: a student drags the start, plays, moves a slider on the way, looks at basins.
import { expect, test } from "../test";
import { violations } from "../axe";
import { cellOf, shown, viewOf } from "../contract_page";
import { openNotebook, runAll, runInKernel, watchErrors } from "../lab";
import { holds, python } from "../playground_page";

const OWN = `import torch

class Own(torch.optim.Optimizer):
    def __init__(self, params, lr=0.2):
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self):
        for p in self.param_groups[0]["params"]:
            p -= self.param_groups[0]["lr"] * p.grad.sign()

def valley(p):
    return p[0] ** 2 + 20 * (p[1] - p[0].sin()) ** 2

own = dl_lab.OptimizerRace(valley, [torch.optim.Adam, Own], start=(-3, 2))
own`;

test("optimizers race, are steered on the way, and have basins", async ({ page, tmpPath }) => {
  const errors = watchErrors(page);
  await openNotebook(page, tmpPath, [cellOf("optimizer_race"), "race = widget", OWN]);
  await runAll(page);
  const view = viewOf(page, "optimizer_race").first();
  await shown(view);
  await expect(view).toHaveAttribute("data-ready", "200");
  const range = view.locator(".dl-player input[type=range]");

  await test.step("plays at thirty frames a second with all of torch's optimizers, and pauses", async () => {
    await view.locator("[data-preset=all]").click();
    await expect(view).toHaveAttribute("data-surface", "beale");
    await expect(view).toHaveAttribute("data-ready", "200");
    await expect(view.locator("[data-lane]:checked")).toHaveCount(17);
    await view.locator(".dl-player select").selectOption("120");
    await view.locator(".dl-play").click();
    const frames = await view.evaluate(async (root) => {
      let count = 0;
      const began = performance.now();
      while (Number(root.getAttribute("data-step")) < 180) {
        await new Promise(requestAnimationFrame);
        count++;
      }
      return (1000 * count) / (performance.now() - began);
    });
    console.log(`17 optimizers: ${frames.toFixed(0)} frames a second`);
    await expect(view).toHaveAttribute("data-step", "200");
    await expect(view.locator(".dl-play")).not.toHaveAttribute("data-running");
  });

  await test.step("the start is dragged, and moved by keys", async () => {
    await runInKernel(page, "race.set(surface='ravine', running=['SGD', 'Adam'], chosen='Adam')");
    await expect(view).toHaveAttribute("data-surface", "ravine");
    const start = view.locator("[data-handle=start]");
    const box = await start.boundingBox();
    const area = await view.locator(".dl-plane .dl-area").boundingBox();
    if (box === null || area === null) throw new Error("There is no plane.");
    await page.mouse.move(box.x + 16, box.y + 16);
    await page.mouse.down();
    await page.mouse.move(area.x + 0.7 * area.width, area.y + 0.4 * area.height, { steps: 5 });
    await page.mouse.move(area.x + 0.75 * area.width, area.y + 0.25 * area.height);
    await page.mouse.up();
    await holds(page, "abs(race.start[0] - 2.5) < 0.1 and abs(race.start[1] - 1.25) < 0.1", "True");
    await start.focus();
    await page.keyboard.press("ArrowLeft");
    await holds(page, "abs(race.start[0] - 2.25) < 0.1", "True");
    expect(await violations(page, ".dl-optimizer-race"), "focused").toEqual([]);
    await holds(page, "race.paths()['Adam'][0].tolist() == race._raced().lanes['Adam'].points[0]", "True");
  });

  await test.step("a slider moved on the way counts from there", async () => {
    await expect(view).toHaveAttribute("data-ready", "200");
    await range.fill("50");
    await expect(view).toHaveAttribute("data-step", "50");
    await runInKernel(page, "before = race.paths()['Adam'].copy()");
    await view.locator("[data-setting=tune_lr]").fill("0");
    await holds(page, "race.tuned['Adam']['lr']", "1.0");
    await runInKernel(page, "race.run()");
    await holds(page, "bool((race.paths()['Adam'][:51] == before[:51]).all())", "True");
    await holds(page, "bool((race.paths()['Adam'][60] == before[60]).all())", "False");
  });

  await test.step("its path is the plain loop's", async () => {
    await runInKernel(page, "race.tuned = {}; race.run(); names = {}; exec(race.source(), names)");
    await holds(page, "names['p'].tolist() == race.paths()['Adam'][-1].tolist()", "True");
  });

  await test.step("what it remembers is read in the table", async () => {
    await range.fill("10");
    await expect(view).toHaveAttribute("data-step", "10");
    const mean = view.locator("tr:has([data-arrow=exp_avg]) td").first();
    const told = await python(
      page,
      "float(race._raced().lanes['Adam'].vectors['exp_avg'][10][0])",
    );
    const text = (await mean.innerText()).replace("−", "-");
    expect(Number(text) / Number(told)).toBeCloseTo(1, 1);
    await view.locator("[data-arrow=exp_avg_sq]").click();
    await expect(view.locator("[data-arrow=exp_avg_sq]")).toHaveAttribute("aria-pressed", "true");
  });

  await test.step("the map of basins comes to its end", async () => {
    await view.locator("[data-preset=basins]").click();
    await expect(view.locator(".dl-remarks")).toContainText("momentum ends in 4 places");
    expect(await violations(page, ".dl-optimizer-race"), "basins").toEqual([]);
  });

  await test.step("a learner's own surface and optimizer", async () => {
    const own = viewOf(page, "optimizer_race").last();
    await shown(own);
    await expect(own).toHaveAttribute("data-ready", "200");
    await expect(own.locator("[data-lane]")).toHaveCount(2);
    await own.locator("[data-choose=Own]").click();
    await expect(own).toHaveAttribute("data-chosen", "Own");
    await expect(own).toHaveAttribute("data-surface", "valley");
  });
  expect(errors).toEqual([]);
});

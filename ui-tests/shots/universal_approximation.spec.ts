// Pictures of UniversalApproximation: each stage over a curve and over a surface.
import { expect, test } from "@jupyterlab/galata";
import { cellOf, shown, viewOf } from "../contract_page";
import { openNotebook, runAll, runInKernel } from "../lab";
import { inNarrow, shoot, shootAll, shootThemes, type Shooting } from "../shot";

const STAGES = {
  bump: 'universal_approximation.set(stage="bump", weight=100)',
  bumps: 'universal_approximation.set(stage="bumps", neurons=20); universal_approximation.fit()',
  learn: 'universal_approximation.stage = "learn"; universal_approximation.train(300)',
  towers: 'universal_approximation.set(stage="bumps", target="hills", neurons=24); universal_approximation.fit()',
  learn_surface: 'universal_approximation.stage = "learn"; universal_approximation.train(50)',
};

test("pictures of UniversalApproximation", async ({ page, tmpPath }) => {
  await openNotebook(page, tmpPath, [cellOf("universal_approximation")]);
  await runAll(page);
  const widget = "universal_approximation";
  const shooting: Shooting = { page, view: viewOf(page, widget), widget, variable: widget, shown };
  await shown(shooting.view);
  await shootAll(shooting, "step");
  for (const [name, code] of Object.entries(STAGES)) {
    await test.step(name, async () => {
      const frames = Number(await shooting.view.getAttribute("data-frames"));
      await runInKernel(page, code);
      await expect
        .poll(async () => Number(await shooting.view.getAttribute("data-frames")))
        .toBeGreaterThan(frames);
      await shootThemes(shooting, name);
      if (name === "bumps" || name === "learn") await inNarrow(shooting, () => shoot(shooting, `${name}-narrow`));
    });
  }
});

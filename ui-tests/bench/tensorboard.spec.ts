// From the command that opens a folder to the first chart in its panel, TensorBoard's start included.
import { test } from "@jupyterlab/galata";
import { charts, content, panel, stopAll, uploadRuns, writeEventFiles } from "../tensorboard_page";

const ROUNDS = 5;

test("from nothing to the first chart", async ({ page, request, tmpPath }) => {
  const events = writeEventFiles();
  await uploadRuns(page, events, `${tmpPath}/runs`);
  events.remove();
  const took: { ready: number; chart: number }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await stopAll(request);
    const began = performance.now();
    await page.evaluate(
      (logdir) => window.jupyterapp.commands.execute("dl-lab:open-tensorboard", { logdir }),
      `${tmpPath}/runs`,
    );
    const board = panel(page, "runs");
    await content(board).and(page.locator('[data-state="ready"]')).waitFor();
    const ready = performance.now() - began;
    await charts(board).locator("scalar-card svg, scalar-card canvas").first().waitFor();
    took.push({ ready, chart: performance.now() - began });
    await page.evaluate(() => window.jupyterapp.shell.currentWidget?.dispose());
  }
  await stopAll(request);
  const middle = (values: number[]) =>
    values.sort((a, b) => a - b).at(Math.floor(ROUNDS / 2)) ?? NaN;
  const seconds = (ms: number) => (ms / 1000).toFixed(1).padStart(6);
  console.log(`\nTensorBoard in a panel, medians of ${ROUNDS} rounds`);
  console.log(
    `  command → TensorBoard answers ${seconds(middle(took.map(({ ready }) => ready)))} s`,
  );
  console.log(`  command → first chart ${seconds(middle(took.map(({ chart }) => chart)))} s`);
});

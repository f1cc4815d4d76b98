// The lesson notebooks/tensorboard.ipynb, run as it is: every dashboard of TensorBoard shows its data.
import type { IJupyterLabPageFixture } from "@jupyterlab/galata";
import type { Frame, Locator } from "@playwright/test";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { openNotebook, runAll } from "../lab";
import { content, panel, stopAll } from "../tensorboard_page";
import { expect, test } from "../test";

const LESSON = resolve(__dirname, "..", "..", "notebooks", "tensorboard.ipynb");

interface Cell {
  cell_type: string;
  source: string[];
}

function code(): string[] {
  const { cells } = JSON.parse(readFileSync(LESSON, "utf8")) as { cells: Cell[] };
  return cells.filter((cell) => cell.cell_type === "code").map(({ source }) => source.join(""));
}

async function frameOf(board: Locator): Promise<Frame> {
  const element = await board.locator("iframe").elementHandle();
  const frame = await element?.contentFrame();
  if (!frame) throw new Error("The panel has no frame.");
  return frame;
}

/** Dashboards by their address, and what is there when one shows data of the lesson. */
const DASHBOARDS: Record<string, (frame: Frame) => Locator> = {
  timeseries: (frame) => frame.locator("scalar-card"),
  scalars: (frame) => frame.locator("tf-scalar-card vz-line-chart2 svg"),
  images: (frame) => frame.locator("tf-image-loader", { hasText: "inputs" }).locator("img"),
  graphs: (frame) => frame.locator("tf-graph-scene text", { hasText: "Sequential" }),
  // That of a run with a single moment has no width.
  distributions: (frame) => frame.locator("vz-distribution-chart path.area:visible"),
  histograms: (frame) => frame.locator("vz-histogram-timeseries svg path"),
  text: (frame) => frame.locator("tf-text-loader td"),
  pr_curves: (frame) => frame.locator("tf-pr-curve-card", { hasText: "digit 8" }),
  hparams: (frame) => frame.locator("tf-hparams-dashboard").getByText("0.30000"),
  audio: (frame) => frame.locator("tf-audio-loader audio"),
  custom_scalars: (frame) => frame.locator("tf-custom-scalar-multi-line-chart-card svg"),
  projector: (frame) =>
    frame.frameLocator("iframe").frameLocator("iframe").getByText("Points: 360"),
};

async function widen(page: IJupyterLabPageFixture): Promise<void> {
  await page.evaluate(() => window.jupyterapp.commands.execute("application:toggle-left-area"));
}

test.afterEach(({ request }) => stopAll(request));

test("every dashboard shows what the lesson wrote", async ({ page, tmpPath }) => {
  await openNotebook(page, tmpPath, code());
  await widen(page);
  await runAll(page);
  const board = panel(page, "tensorboard");
  await expect(content(board)).toHaveAttribute("data-charts", "shown");
  const frame = await frameOf(board);
  for (const [name, shown] of Object.entries(DASHBOARDS)) {
    await frame.evaluate((hash) => (location.hash = hash), name);
    await expect(shown(frame).first(), name).toBeVisible();
  }
});

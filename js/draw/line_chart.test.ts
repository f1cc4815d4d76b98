import { beforeEach, expect, test, vi } from "vitest";

import { fakeCanvas } from "../shared/testing/canvas.ts";
import type { LineChart as Chart } from "./line_chart.ts";

let LineChart: typeof Chart;
let tick: (value: number) => string;

beforeEach(async () => {
  // uPlot looks at the screen when it is imported.
  fakeCanvas();
  ({ LineChart, tick } = await import("./line_chart.ts"));
});

test("numbers on an axis stay short", () => {
  expect([0, 0.25, 950, 1200, 12_345, 2_500_000, 1e29, 0.0004].map(tick)).toEqual([
    "0",
    "0.25",
    "950",
    "1200",
    "12.3k",
    "2.5M",
    "1e29",
    "4e−4",
  ]);
});

test.each([false, true])(
  "draws, redraws, and leaves nothing (logarithmic: %s)",
  async (logarithmic) => {
    const root = document.createElement("div");
    document.body.append(root);
    const chart = new LineChart(root, {
      series: [{ label: "train", color: "#009e73" }],
      xLabel: "epoch",
      yLabel: "loss",
      logarithmic,
      style: { font: "10px sans-serif", text: "#222", grid: "#ddd" },
      width: 280,
      height: 110,
      onCursor: vi.fn(),
    });
    const line = [0.5, null, 0];
    chart.setData({ x: [0, 1, 2], curves: [{ line, low: line, high: line }] });
    chart.resize(300, 120);
    await Promise.resolve();
    expect(root.querySelectorAll("canvas")).toHaveLength(1);
    chart.destroy();
    expect(root.childElementCount).toBe(0);
  },
);

import { beforeEach, expect, test } from "vitest";

import { fakeCanvas } from "../shared/testing/canvas.ts";
import type * as module from "./curve_chart.ts";
import { middle } from "./curve.ts";

let CurveChart: typeof module.CurveChart;
let valueRange: typeof module.valueRange;

beforeEach(async () => {
  // uPlot looks at the screen when it is imported.
  fakeCanvas();
  ({ CurveChart, valueRange } = await import("./curve_chart.ts"));
});

const LOOK = {
  color: "#000000",
  dash: [4, 2],
  width: 1,
  marker: "diamond",
  heldUntil: 9,
  best: { x: 1, y: 0.5 },
} as const;

function points(x: number[], low: number[], high = low) {
  return {
    x: Float64Array.from(x),
    low: Float32Array.from(low),
    high: Float32Array.from(high),
    smooth: null,
    exact: low === high,
  };
}

test("draws several axes, redraws, and leaves nothing", async () => {
  const root = document.createElement("div");
  document.body.append(root);
  const chart = new CurveChart(root, {
    x: { label: "Step", log: true, tick: String, unit: "whole" },
    y: [
      { key: "loss", label: "Loss", side: "left", log: true, tick: String },
      { key: "share", label: "Metric", side: "right", log: false, tick: String },
    ],
    style: { font: "11px sans-serif", text: "#222", grid: "#ddd", background: "#fff" },
    width: 600,
    height: 250,
  });
  const strange = points([1, 2, 3, 4], [NaN, -1, 0.5, -Infinity], [NaN, 2, Infinity, 1]);
  chart.show({ low: 1, high: 4 }, [
    { ...LOOK, axis: "loss", points: strange },
    { ...LOOK, axis: "share", points: points([1, 4], [0.1, 0.9]) },
  ]);
  chart.resize(500, 200);
  await Promise.resolve();
  expect(root.querySelectorAll("canvas")).toHaveLength(1);
  expect(chart.place("share", 0)).toBeGreaterThan(chart.place("share", 0.9));
  chart.destroy();
  expect(root.childElementCount).toBe(0);
});

test("the values of a window give its range, with the lines that enter and leave", () => {
  const curve = { points: points([0, 10, 20, 30, 40], [100, 3, 2, 4, 200]) };
  expect(valueRange([curve], { low: 12, high: 25 }, false)).toEqual({ low: 2, high: 4 });
  expect(valueRange([], { low: 0, high: 1 }, false)).toEqual({ low: 0, high: 1 });
  expect(
    valueRange([{ points: points([0, 1, 2], [NaN, Infinity, -5]) }], { low: 0, high: 2 }, true),
  ).toEqual({ low: 0.1, high: 1 });
});

test("a stretch's line lies between its ends, or on the one that is a number", () => {
  expect([middle(1, 1), middle(1, 3), middle(1, Infinity), middle(-Infinity, 2)]).toEqual([
    1, 2, 1, 2,
  ]);
  expect(middle(NaN, NaN)).toBeNaN();
});

test("an axis says how large a loss is that runs away", async () => {
  const root = document.createElement("div");
  document.body.append(root);
  for (const log of [true, false]) {
    const said: number[] = [];
    const tick = (value: number) => {
      said.push(value);
      return String(value);
    };
    const chart = new CurveChart(root, {
      x: { label: "Step", log: false, tick: String, unit: "whole" },
      y: [{ key: "loss", label: "Loss", side: "left", log, tick }],
      style: { font: "11px sans-serif", text: "#222", grid: "#ddd", background: "#fff" },
      width: 600,
      height: 250,
    });
    chart.show({ low: 1, high: 3 }, [
      { ...LOOK, axis: "loss", points: points([1, 2, 3], [20, 1e20, 1e38]) },
    ]);
    await Promise.resolve();
    expect(Math.max(...said)).toBeGreaterThan(1e30);
    expect(chart.place("loss", 20)).toBeGreaterThan(chart.place("loss", 1e38));
    expect(chart.place("loss", Infinity)).toBeNaN();
    chart.destroy();
  }
  root.remove();
});

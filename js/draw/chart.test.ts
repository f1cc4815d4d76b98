import { beforeEach, describe, expect, test, vi } from "vitest";

import { fakeCanvas } from "../shared/testing/canvas.ts";
import { Chart, readingsAt, type Scene, valueRange } from "./chart.ts";
import { type Curve, curvePoints, middle, nearest } from "./curves.ts";
import { legend } from "./legend.ts";
import { lossLook } from "./looks.ts";

beforeEach(fakeCanvas);

const LOOK = { color: "#000000", dash: [4, 2], width: 1, marker: "diamond" } as const;
const STYLE = { font: "11px sans-serif", text: "#222", line: "#ddd", background: "#fff" };

function curve(x: number[], y: number[], more: Partial<Curve> = {}): Curve {
  return { points: curvePoints(x, y), look: LOOK, axis: "loss", ...more };
}

function scene(curves: readonly Curve[], more: Partial<Scene> = {}): Scene {
  return {
    width: 600,
    height: 250,
    x: { label: "Step", unit: "whole", low: 1, high: 4 },
    y: [
      { key: "loss", label: "Loss", log: true },
      { key: "share", label: "Metric", side: "right" },
    ],
    curves,
    style: STYLE,
    ...more,
  };
}

function mounted(): { root: HTMLElement; chart: Chart } {
  const root = document.createElement("div");
  document.body.append(root);
  return { root, chart: new Chart(root) };
}

describe("a chart", () => {
  test("draws several axes, redraws, and leaves nothing", () => {
    const { root, chart } = mounted();
    const strange = curvePoints([1, 2, 3, 4], [NaN, -1, 0.5, -Infinity], [NaN, 2, Infinity, 1]);
    const held = { heldUntil: 9, best: { x: 1, y: 0.5 } };
    const curves = [
      { points: strange, look: LOOK, axis: "loss", ...held },
      curve([1, 4], [0.1, 0.9], { axis: "share" }),
    ];
    chart.draw(scene(curves));
    chart.draw(scene(curves, { width: 500, height: 200 }));
    expect(root.querySelectorAll("canvas")).toHaveLength(1);
    expect(chart.placeY("share", 0)).toBeGreaterThan(chart.placeY("share", 0.9));
    chart.destroy();
    expect(root.childElementCount).toBe(0);
    expect(root.className).toBe("");
  });

  test.each([true, false])("says how large a loss is that runs away (log: %s)", (log) => {
    const { chart } = mounted();
    const said: number[] = [];
    const text = (value: number) => {
      said.push(value);
      return String(value);
    };
    const y = [{ key: "loss", label: "Loss", log, text }];
    chart.draw(scene([curve([1, 2, 3], [20, 1e20, 1e38])], { y }));
    expect(Math.max(...said)).toBeGreaterThan(1e30);
    expect(chart.placeY("loss", 20)).toBeGreaterThan(chart.placeY("loss", 1e38));
    expect(chart.placeY("loss", Infinity)).toBeNaN();
    chart.destroy();
  });

  test("reads its curves at the nearest point of the one that has most", () => {
    const { root, chart } = mounted();
    const many = curve([1, 2, 3, 4], [8, 4, 2, 1]);
    const few = curve([1, 4], [0.5, 0.75], { axis: "share" });
    expect(chart.read(2.2)).toEqual([]);
    chart.draw(scene([few, many]));
    expect(chart.read(2.2)).toEqual([
      { curve: many, index: 1 },
      { curve: few, index: 0 },
    ]);
    const line = root.querySelector<HTMLElement>(".dl-cursor")!;
    expect(line.hidden).toBe(false);
    expect(parseFloat(line.style.left)).toBeCloseTo(chart.placeX(2));
    expect(root.querySelectorAll(".dl-dot")).toHaveLength(2);
    // It stays where it was when the chart is drawn anew.
    chart.draw(scene([curve([1, 2], [1, 1])], { x: { label: "", low: 0, high: 4 } }));
    expect(parseFloat(line.style.left)).toBeCloseTo(chart.placeX(2));
    chart.read(null);
    expect(line.hidden).toBe(true);
    expect(root.querySelectorAll(".dl-dot")).toHaveLength(0);
    chart.destroy();
  });

  test("tells the value under the pointer until its lifetime ends", () => {
    const { chart } = mounted();
    const lifetime = new AbortController();
    const tell = vi.fn();
    chart.hover(lifetime.signal, tell);
    chart.draw(scene([curve([1, 4], [1, 2])]));
    const at = (type: string, clientX: number) =>
      chart.area.dispatchEvent(new MouseEvent(type, { clientX }));
    at("pointermove", chart.placeX(2));
    expect(tell).toHaveBeenLastCalledWith(expect.closeTo(2) as number);
    at("pointerleave", 0);
    expect(tell).toHaveBeenLastCalledWith(null);
    lifetime.abort();
    at("pointermove", 1);
    expect(tell).toHaveBeenCalledTimes(2);
    chart.destroy();
  });

  test("marks what lies in its range, with text that stays text", () => {
    const { root, chart } = mounted();
    const mark = { name: "in-use", x: 2, label: "<b>in use</b>", color: "#123456", sign: 1.5 };
    const marks = [mark, { ...mark, name: "far", x: 9 }];
    chart.draw(scene([curve([1, 4], [1, 2])], { marks }));
    const shown = root.querySelector<HTMLElement>("[data-mark]")!;
    expect(root.querySelectorAll("[data-mark]")).toHaveLength(1);
    expect(shown.textContent).toBe("<b>in use</b>");
    expect(parseFloat(shown.style.left)).toBeCloseTo(chart.placeX(2));
    expect(shown.querySelector(".dl-mark-sign")).not.toBeNull();
    chart.destroy();
  });
});

test("the values of a window give its range, with the lines that enter and leave", () => {
  const points = { points: curvePoints([0, 10, 20, 30, 40], [100, 3, 2, 4, 200]) };
  expect(valueRange([points], { low: 12, high: 25 }, false)).toEqual({ low: 2, high: 4 });
  expect(valueRange([], { low: 0, high: 1 }, false)).toEqual({ low: 0, high: 1 });
  const none = { points: curvePoints([0, 1, 2], [NaN, Infinity, -5]) };
  expect(valueRange([none], { low: 0, high: 2 }, true)).toEqual({ low: 0.1, high: 1 });
});

test("a stretch's line lies between its ends, or on the one that is a number", () => {
  expect([middle(1, 1), middle(1, 3), middle(1, Infinity), middle(-Infinity, 2)]).toEqual([
    1, 2, 1, 2,
  ]);
  expect(middle(NaN, NaN)).toBeNaN();
});

test("the nearest point is found, and none where there is none", () => {
  const x = [0, 10, 20, 40];
  expect([-5, 4, 6, 29, 31, 99].map((value) => nearest(x, value))).toEqual([0, 0, 1, 2, 3, 3]);
  expect([nearest([], 1), nearest([7], 1)]).toEqual([-1, 0]);
});

test("what is held until it changes is read from before", () => {
  const held = curve([0, 10], [1, 2], { heldUntil: 20 });
  const often = curve([0, 3, 6, 9], [1, 1, 1, 1]);
  expect(readingsAt([held, often], 9).map(({ index }) => index)).toEqual([3, 0]);
});

test("a legend shows each line as it is drawn", () => {
  const element = legend([
    { label: "train", look: lossLook("train", false) },
    { label: "test", look: lossLook("validation", true) },
  ]);
  expect(element.textContent).toBe("traintest");
  const dashes = [...element.querySelectorAll("[stroke]")].map((path) =>
    path.getAttribute("stroke-dasharray"),
  );
  expect(dashes).toEqual([null, "6 3"]);
});

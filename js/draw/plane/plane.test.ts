import { beforeEach, expect, test } from "vitest";

import { fakeCanvas } from "../../shared/testing/canvas.ts";
import { heightColor, heightShare } from "./heights.ts";
import { type Ground, Plane } from "./plane.ts";

beforeEach(fakeCanvas);

const STYLE = { font: "11px sans-serif", text: "#222", line: "#ddd", background: "#fff" };
const GROUND: Ground = {
  width: 600,
  height: 300,
  x: { label: "x", low: -2, high: 2 },
  y: { label: "y", low: -1, high: 1 },
  grid: { values: Float32Array.of(0, 1, 2, NaN), rows: 2, columns: 2 },
  color: heightColor([0, 1, 2], false),
  levels: [0.5, 1.5],
  style: STYLE,
};

test("places and values are each other's inverse, and stay within the plane", () => {
  const plane = new Plane(document.createElement("div"));
  expect(plane.valueAt(3, 3)).toBeNull();
  expect(plane.place(0, 0)).toEqual([NaN, NaN]);
  plane.drawGround(GROUND);
  const [left, top] = plane.place(0.5, -0.25);
  expect(plane.valueAt(left, top)).toEqual([expect.closeTo(0.5), expect.closeTo(-0.25)]);
  expect(plane.valueAt(-50, 5000)).toEqual([-2, -1]);
});

test("a unit is as long on both axes where that is asked for", () => {
  const plane = new Plane(document.createElement("div"));
  const lengths = (equal: boolean) => {
    plane.drawGround({ ...GROUND, width: 900, equal });
    const [[x, y], [right], [, top]] = [plane.place(0, 0), plane.place(1, 0), plane.place(0, 1)];
    return [right - x, y - top] as const;
  };
  const [across, up] = lengths(true);
  expect(across).toBeCloseTo(up);
  const [wide, tall] = lengths(false);
  expect(Math.abs(wide - tall)).toBeGreaterThan(5);
});

test("draws trails that leave for infinity, arrows and signs, and goes", () => {
  const root = document.createElement("div");
  const plane = new Plane(root);
  const look = { color: "#0877bd", dash: [4, 2], width: 2, marker: "circle" } as const;
  plane.drawOver({});
  plane.drawGround(GROUND);
  plane.drawOver({
    trails: [
      { x: [0, 1, Infinity, NaN], y: [0, 1, 1e30, 0], until: 3, look },
      { x: [], y: [], until: 5, look },
      { x: [NaN], y: [NaN], until: 0, look, faint: true },
    ],
    arrows: [
      { x: 0, y: 0, dx: 1, dy: 1, color: "#000" },
      { x: 0, y: 0, dx: 0, dy: NaN, color: "#000" },
    ],
    signs: [{ x: 1, y: 1, marker: "diamond", color: "#000" }],
  });
  plane.destroy();
  expect(root.childElementCount).toBe(0);
});

test("a height's colour goes with its place among the levels", () => {
  const levels = [1, 2, 10];
  expect([0, 1, 1.5, 2, 6, 10, 99].map((value) => heightShare(levels, value))).toEqual([
    0, 0, 0.25, 0.5, 0.75, 1, 1,
  ]);
  const color = heightColor(levels, false);
  expect(color(0)).toBe(0xffffffff);
  expect(color(99)).toBe(0xffc4b5a3);
  expect(color(NaN)).toBe(0);
  expect(heightColor(levels, true)(1)).toBe(0xff1b1814);
});

import { expect, test } from "vitest";

import { curvePath, nearest } from "./curve.ts";

test("few points are all drawn", () => {
  expect(
    curvePath(
      (i) => 10 * i,
      (i) => i * i,
      3,
    ),
  ).toBe("M0.0,0.0L10.0,1.0L20.0,4.0");
  expect(curvePath(Number, Number, 0)).toBe("");
});

test("of many at most 300 are drawn, with every spike", () => {
  const spike = 7123;
  const path = curvePath(Number, (i) => (i === spike ? 500 : i % 7), 10_000);
  const points = path
    .slice(1)
    .split("L")
    .map((point) => point.split(",").map(Number));
  expect(points.length).toBeLessThanOrEqual(300);
  expect(points).toContainEqual([spike, 500]);
  const across = points.map(([x]) => x!);
  expect(across).toEqual([...across].sort((a, b) => a - b));
});

test("the nearest is found on the scale of the plot", () => {
  const rates = Float32Array.of(0.001, 0.01, 0.1);
  expect(nearest(rates, Math.log10, -1.6)).toBe(1);
  expect(nearest(rates, Math.log10, -1.4)).toBe(2);
  expect(nearest(rates, Math.log10, 5)).toBe(2);
});

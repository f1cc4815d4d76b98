import { expect, test } from "vitest";

import { contour } from "./contours.ts";

/** What a function is at the crossings of a grid of 41 × 41 over ±2. */
function sampled(f: (x: number, y: number) => number) {
  const at = (i: number) => -2 + i / 10;
  const values = Float32Array.from({ length: 41 * 41 }, (_, i) =>
    f(at(i % 41), at(Math.floor(i / 41))),
  );
  return { values, rows: 41, columns: 41 };
}

function points(pieces: readonly number[]): [number, number][] {
  return Array.from({ length: pieces.length / 2 }, (_, i) => [
    -2 + pieces[2 * i]! / 10,
    -2 + pieces[2 * i + 1]! / 10,
  ]);
}

test("a line goes where the function has the value", () => {
  const circle = points(contour(sampled(Math.hypot), 1.23));
  expect(circle.length).toBeGreaterThan(100);
  for (const [x, y] of circle) expect(Math.hypot(x, y)).toBeCloseTo(1.23, 2);
  const turns = circle.map(([x, y]) => (Math.floor((4 * Math.atan2(y, x)) / Math.PI) + 8) % 8);
  expect(new Set(turns).size).toBe(8);
});

test("ends of pieces meet: each point on the way is in two of them", () => {
  for (const f of [Math.hypot, (x: number, y: number) => x * y]) {
    const met = new Map<string, number>();
    for (const [x, y] of points(contour(sampled(f), 0.5137))) {
      const inside = Math.max(Math.abs(x), Math.abs(y)) < 1.999;
      const key = `${x.toFixed(6)} ${y.toFixed(6)}`;
      if (inside) met.set(key, (met.get(key) ?? 0) + 1);
    }
    expect(new Set(met.values())).toEqual(new Set([2]));
  }
});

test("at a saddle the line keeps apart what lies on either side of its middle", () => {
  const saddle = (a: number, b: number, c: number, d: number) =>
    contour({ values: Float32Array.of(a, b, d, c), rows: 2, columns: 2 }, 0);
  // High at a and c, and in the middle: the low corners b and d are cut off.
  expect(saddle(3, -1, 3, -1)).toEqual([0.75, 0, 1, 0.25, 0.25, 1, 0, 0.75]);
  expect(saddle(1, -3, 1, -3)).toEqual([0.25, 0, 0, 0.25, 1, 0.75, 0.75, 1]);
});

test("where there is no number there is no line", () => {
  const values = sampled((x, y) => (x < 0 ? NaN : Math.hypot(x, y)));
  for (const [x] of points(contour(values, 1))) expect(x).toBeGreaterThanOrEqual(-1e-6);
  expect(
    contour(
      sampled(() => 2),
      1,
    ),
  ).toEqual([]);
  expect(
    contour(
      sampled(() => NaN),
      1,
    ),
  ).toEqual([]);
});

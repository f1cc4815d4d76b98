import { expect, test } from "vitest";

import { formatCell, formatFloat, nudged, stepFor } from "./numbers.ts";

test.each([
  [0, 6, "0"],
  [0.5294118, 6, "0.529"],
  [-0.2043, 6, "−0.204"],
  [1234.5, 6, "1234.5"],
  [-12.345, 5, "−12.3"],
  [0.0625, 3, ".06"],
  [-0.25, 3, "−.3"],
  [8, 3, "8"],
  [0.999, 3, "1"],
  [0.0001, 5, "~0"],
  [-0.0001, 3, "·"],
  [123456, 3, "1e5"],
  [NaN, 3, "NaN"],
])("%d in the room of %d characters is %s", (value, room, text) => {
  expect(formatCell(value, room)).toBe(text);
});

test("a field has the digits that float32 has", () => {
  expect([0.1, 1 / 3, -5, 0.0625].map((value) => formatFloat(Math.fround(value)))).toEqual([
    "0.1",
    "0.33333334",
    "-5",
    "0.0625",
  ]);
});

test("a step is a tenth of the kernel's order of magnitude", () => {
  expect([[0, 0], [5, -8], [0.25, 0.06], [-40]].map(stepFor)).toEqual([0.1, 0.1, 0.01, 1]);
  expect(nudged(0.1, 2, 0.1)).toBe(Math.fround(0.3));
  expect(nudged(Math.fround(0.3), -3, 0.1)).toBe(0);
});

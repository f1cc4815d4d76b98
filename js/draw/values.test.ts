import { expect, test } from "vitest";

import { NEGATIVE, NEUTRAL, POSITIVE, type Rgb } from "./color.ts";
import { largestOf, packedColor } from "./values.ts";

const packed = ([red, green, blue]: Rgb) => ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;

test("the ends have the exact colours, and what is beyond them too", () => {
  expect(packedColor(2, 2)).toBe(packed(POSITIVE));
  expect(packedColor(99, 2)).toBe(packed(POSITIVE));
  expect(packedColor(-2, 2)).toBe(packed(NEGATIVE));
  expect(packedColor(-Infinity, 2)).toBe(packed(NEGATIVE));
});

test("where all is zero all is neutral, and where there is nothing one sees through", () => {
  const near = packedColor(0, 0);
  for (let i = 0; i < 3; i++) {
    expect(Math.abs(((near >> (8 * i)) & 255) - NEUTRAL[i]!)).toBeLessThan(3);
  }
  expect(packedColor(NaN, 1)).toBe(0);
});

test("the largest is that of a part, without what is not a number", () => {
  const values = Float32Array.of(1, -5, NaN, 2, -Infinity, 9);
  expect(largestOf(values)).toBe(9);
  expect(largestOf(values, 0, 5)).toBe(5);
});

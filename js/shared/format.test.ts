import { expect, test } from "vitest";

import { formatEpoch, formatField, formatLoss, formatWeight, parseNumber } from "./format.ts";

test("epochs have six digits, and more when they need them", () => {
  expect(formatEpoch(0, ",")).toBe("000,000");
  expect(formatEpoch(1234, ",")).toBe("001,234");
  expect(formatEpoch(1_234_567, ",")).toBe("1,234,567");
});

test("losses keep three decimals unless that says nothing", () => {
  expect([0.5, 0.0123, 0, 0.00002, 2e6, NaN, Infinity].map(formatLoss)).toEqual([
    "0.500",
    "0.012",
    "0.000",
    "2.0e−5",
    "2.0e6",
    "NaN",
    "∞",
  ]);
});

test("weights have two decimals and a true minus", () => {
  expect([0.1, -0.414, 0, 123.4, -0.001].map(formatWeight)).toEqual([
    "0.10",
    "−0.41",
    "0.00",
    "123",
    "−1e-3",
  ]);
  expect(formatField(Math.fround(0.1))).toBe("0.1");
});

test("numbers are read with point or comma, and nonsense is none", () => {
  expect([" 1.5 ", "-0,25", "−2", "1e-3"].map(parseNumber)).toEqual([1.5, -0.25, -2, 1e-3]);
  expect(["", "abc", "1.2.3", "Infinity", "NaN"].map(parseNumber)).toEqual(Array(5).fill(null));
});

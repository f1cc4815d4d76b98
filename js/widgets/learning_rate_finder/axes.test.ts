import { describe, expect, test } from "vitest";

import { formatPower, formatRate, lossScale, rateScale } from "./axes.ts";
import type { RangeTest } from "./range_test.ts";

function measured(parts: Partial<Record<"rates" | "losses" | "smoothed", number[]>>): RangeTest {
  const rates = parts.rates ?? [0.001, 0.01, 0.1];
  const losses = parts.losses ?? rates.map(() => 1);
  return {
    rates: Float32Array.from(rates),
    losses: Float32Array.from(losses),
    smoothed: Float32Array.from(parts.smoothed ?? losses),
    scale: "exponential",
    current: 0.01,
    suggestion: null,
    stopped: null,
    name: null,
  };
}

test.each([
  [0.0123456, "0.0123"],
  [0.1, "0.1"],
  [10, "10"],
  [1.234e-6, "1.23e−6"],
  [1e-7, "1e−7"],
  [Math.fround(0.03), "0.03"],
])("the rate %d is written %s", (rate, text) => {
  expect(formatRate(rate)).toBe(text);
});

test.each([
  [-12, "10⁻¹²"],
  [-3, "0.001"],
  [0, "1"],
  [2, "100"],
  [5, "10⁵"],
])("ten to the %d is written %s", (exponent, text) => {
  expect(formatPower(exponent)).toBe(text);
});

describe("rates", () => {
  test("stand by their logarithm and can be read back", () => {
    const scale = rateScale(measured({ rates: [1e-7, 10] }), 40, 840);
    expect(scale.place(1e-7)).toBeCloseTo(40, 3);
    expect(scale.place(1e-3)).toBeCloseTo(440, 3);
    expect(scale.value(scale.place(0.02))).toBeCloseTo(0.02, 9);
    expect(scale.ticks.map(({ text }) => text)).toEqual([
      "10⁻⁷",
      "10⁻⁶",
      "10⁻⁵",
      "10⁻⁴",
      "0.001",
      "0.01",
      "0.1",
      "1",
      "10",
    ]);
  });

  test("have fewer ticks where there is little room", () => {
    const { ticks } = rateScale(measured({ rates: [1e-7, 10] }), 40, 240);
    expect(ticks.map(({ text }) => text)).toEqual(["10⁻⁵", "0.01", "10"]);
  });

  test("of less than two decades have ticks between the powers", () => {
    const { ticks } = rateScale(measured({ rates: [0.02, 0.6] }), 0, 400);
    expect(ticks.map(({ value }) => value)).toEqual([0.02, 0.05, 0.1, 0.2, 0.5]);
  });

  test("that differ by little have no two ticks alike", () => {
    const texts = rateScale(measured({ rates: [1e5, 1.02e5] }), 0, 800).ticks.map((t) => t.text);
    expect(texts).toEqual([...new Set(texts)]);
    expect(texts.length).toBeGreaterThanOrEqual(2);
  });

  test("of a linear test stand evenly", () => {
    const linear: RangeTest = { ...measured({ rates: [0, 1] }), scale: "linear" };
    const scale = rateScale(linear, 0, 200);
    expect(scale.place(0.25)).toBeCloseTo(50, 3);
    expect(scale.ticks.map(({ text }) => text)).toEqual(["0", "0.5", "1"]);
  });
});

describe("losses", () => {
  test("fill the plot from the bottom up", () => {
    const scale = lossScale(measured({ losses: [2, 1, 0.5] }), 200, 0);
    expect(scale.low).toBeGreaterThanOrEqual(0);
    expect(scale.place(0.5)).toBeLessThan(200);
    expect(scale.place(2)).toBeGreaterThan(0);
    expect(scale.ticks.length).toBeGreaterThanOrEqual(3);
  });

  test("that took off do not flatten the rest", () => {
    const losses = [2.3, 2.3, 2.2, 1, 0.5, 0.4, 3, 1e30];
    const scale = lossScale(measured({ rates: losses.map((_, i) => i + 1), losses }), 200, 0);
    expect(scale.high).toBeLessThan(5);
    expect(scale.place(2.3) - scale.place(2.2)).toBeLessThan(-3);
  });

  test("below zero and all alike have a scale too", () => {
    for (const losses of [
      [-3, -3, -3],
      [0, 0, 0],
      [-5, -7, -6],
    ]) {
      const { low, high, ticks } = lossScale(measured({ losses }), 200, 0);
      expect(high).toBeGreaterThan(low);
      expect(low).toBeLessThanOrEqual(Math.min(...losses));
      expect(ticks.length).toBeGreaterThan(0);
      expect(ticks.length).toBeLessThan(12);
    }
  });
});

import { describe, expect, test } from "vitest";

import { roundRange, Scale, ticks } from "./scale.ts";

const linear = { count: 5, log: false };
const PIXELS = { from: 200, to: 0 };

describe("a scale", () => {
  test("places values and finds them again", () => {
    const y = new Scale({ low: 0, high: 10 }, false, PIXELS);
    expect([y.place(0), y.place(2.5), y.place(10)]).toEqual([200, 150, 0]);
    const log = new Scale({ low: 1e-7, high: 10 }, true, { from: 40, to: 840 });
    expect(log.place(1e-3)).toBeCloseTo(440, 6);
    expect(log.valueAt(log.place(0.02))).toBeCloseTo(0.02, 9);
  });

  test.each([false, true])("draws what has no place just outside (logarithmic: %s)", (log) => {
    const y = new Scale({ low: 1, high: 10 }, log, PIXELS);
    expect(y.place(Infinity)).toBe(-8);
    expect(y.place(-Infinity)).toBe(208);
    expect(y.place(NaN)).toBeNaN();
    if (log) expect([y.place(0), y.place(-3)]).toEqual([208, 208]);
    // A canvas would lose count.
    expect(Math.abs(y.place(1e38))).toBeLessThan(1e4);
    expect(y.place(3e38)).toBeLessThan(0);
  });
});

describe("ticks", () => {
  test("stand on round numbers", () => {
    expect(ticks({ ...linear, low: 0, high: 1 })).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
    expect(ticks({ ...linear, low: 1234, high: 1290 })).toEqual([1240, 1260, 1280]);
    expect(ticks({ ...linear, low: 0.3, high: 0.3 })).toEqual([]);
    expect(ticks({ ...linear, low: 0, high: 1, count: 0 })).toEqual([]);
  });

  test("are never many more than there is room for", () => {
    for (let high = 1; high < 1000; high += 7) {
      expect(ticks({ ...linear, low: 0, high }).length).toBeLessThanOrEqual(6);
    }
  });

  test("of steps are whole, however close one looks", () => {
    expect(ticks({ ...linear, low: 100.2, high: 103.1, unit: "whole" })).toEqual([101, 102, 103]);
  });

  test("of time stand on minutes and hours", () => {
    const seconds = { ...linear, unit: "seconds" } as const;
    expect(ticks({ ...seconds, low: 0, high: 300 })).toEqual([0, 60, 120, 180, 240, 300]);
    expect(ticks({ ...seconds, low: 0, high: 20_000 })).toEqual([0, 7200, 14_400]);
    expect(ticks({ ...seconds, low: 0, high: 2 })).toEqual([0, 0.5, 1, 1.5, 2]);
  });

  test("of orders of magnitude are powers of ten, and digits between where there is room", () => {
    expect(ticks({ low: 1e-4, high: 1, count: 6, log: true })).toEqual([1e-4, 1e-3, 1e-2, 0.1, 1]);
    expect(ticks({ low: 0.1, high: 10, count: 12, log: true })).toEqual([
      0.1, 0.2, 0.5, 1, 2, 5, 10,
    ]);
    expect(ticks({ low: 1e-7, high: 10, count: 4, log: true })).toEqual([1e-6, 1e-4, 1e-2, 1]);
    // Within an order of magnitude a logarithmic axis is read like any other.
    expect(ticks({ low: 0.2, high: 0.3, count: 5, log: true })).toEqual([
      0.2, 0.22, 0.24, 0.26, 0.28, 0.3,
    ]);
  });
});

describe("a range", () => {
  test("begins at zero where that costs little room", () => {
    expect(roundRange(0.05, 2.31, false)).toEqual({ low: 0, high: 2.4 });
    expect(roundRange(0.9, 0.97, false)).toEqual({ low: 0.9, high: 0.97 });
    expect(roundRange(-3, 5, false)).toEqual({ low: -3, high: 5 });
  });

  test("has a width, whatever is in it", () => {
    expect(roundRange(0, 0, false)).toEqual({ low: -1, high: 1 });
    expect(roundRange(0.1, 0.1, true)).toEqual({ low: 0.05, high: 0.2 });
  });

  test("on a logarithmic axis ends on two digits", () => {
    expect(roundRange(0.00123, 2.31, true)).toEqual({ low: 0.0012, high: 2.4 });
  });
});

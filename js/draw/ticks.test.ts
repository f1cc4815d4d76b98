import { describe, expect, test } from "vitest";

import { roundRange, ticks } from "./ticks.ts";

const linear = { count: 5, log: false };

describe("ticks", () => {
  test("stand on round numbers", () => {
    expect(ticks({ ...linear, low: 0, high: 1 })).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
    expect(ticks({ ...linear, low: 1234, high: 1290 })).toEqual([1240, 1260, 1280]);
    expect(ticks({ ...linear, low: 0.3, high: 0.3 })).toEqual([]);
  });

  test("of steps are whole, however close one looks", () => {
    expect(ticks({ ...linear, low: 100.2, high: 103.1, whole: true })).toEqual([101, 102, 103]);
  });

  test("of time stand on minutes and hours", () => {
    expect(ticks({ ...linear, low: 0, high: 300, time: true })).toEqual([
      0, 60, 120, 180, 240, 300,
    ]);
    expect(ticks({ ...linear, low: 0, high: 20_000, time: true })).toEqual([0, 7200, 14_400]);
  });

  test("of orders of magnitude are powers of ten, and digits between where there is room", () => {
    expect(ticks({ low: 1e-4, high: 1, count: 6, log: true })).toEqual([1e-4, 1e-3, 1e-2, 0.1, 1]);
    expect(ticks({ low: 0.1, high: 10, count: 12, log: true })).toEqual([
      0.1, 0.2, 0.5, 1, 2, 5, 10,
    ]);
    // Within an order of magnitude a logarithmic axis is read like any other.
    expect(ticks({ low: 0.2, high: 0.3, count: 5, log: true })).toEqual([
      0.2, 0.22, 0.24, 0.26, 0.28, 0.3,
    ]);
  });
});

describe("a range", () => {
  test("begins at zero where that costs little room", () => {
    expect(roundRange(0.05, 2.31, false)).toEqual([0, 2.5]);
    expect(roundRange(0.9, 0.97, false)).toEqual([0.9, 0.97]);
    expect(roundRange(-3, 5, false)).toEqual([-3, 5]);
  });

  test("has a width, whatever is in it", () => {
    expect(roundRange(0, 0, false)).toEqual([-1, 1]);
    expect(roundRange(0.1, 0.1, true)).toEqual([0.05, 0.2]);
  });

  test("on a logarithmic axis ends on two digits", () => {
    expect(roundRange(0.00123, 2.31, true)).toEqual([0.0012, 2.4]);
  });
});

import { describe, expect, test } from "vitest";

import {
  ALL,
  asked,
  between,
  drawable,
  panned,
  placeAt,
  rangeOf,
  shareOf,
  windowOf,
  zoomed,
} from "./window.ts";

const EXTENT = { low: 0, high: 1000 };

describe("following", () => {
  test("all shows whatever comes", () => {
    expect(rangeOf(ALL, EXTENT, "linear")).toEqual(EXTENT);
    expect(rangeOf(ALL, { low: 0, high: 5000 }, "linear")).toEqual({ low: 0, high: 5000 });
    expect(asked(ALL, EXTENT, "linear")).toEqual({ low: null, high: null });
  });

  test("a window whose right end is at the end moves with what comes", () => {
    const window = windowOf({ low: 800, high: 1000 }, EXTENT, "linear");
    expect(window.kind).toBe("following");
    const later = { low: 0, high: 1500 };
    expect(rangeOf(window, later, "linear")).toEqual({ low: 1300, high: 1500 });
    expect(asked(window, later, "linear")).toEqual({ low: 1300, high: null });
  });

  test("a window in the middle stays where it is", () => {
    const window = windowOf({ low: 200, high: 300 }, EXTENT, "linear");
    expect(rangeOf(window, { low: 0, high: 1e6 }, "linear")).toEqual({ low: 200, high: 300 });
    expect(asked(window, { low: 0, high: 1e6 }, "linear")).toEqual({ low: 200, high: 300 });
  });

  test("on a logarithmic axis the left end stays", () => {
    const window = windowOf({ low: 100, high: 1000 }, { low: 1, high: 1000 }, "log");
    expect(rangeOf(window, { low: 1, high: 5000 }, "log")).toEqual({ low: 100, high: 5000 });
  });

  test("what covers everything is all", () => {
    expect(windowOf({ low: 0, high: 1000 }, EXTENT, "linear")).toEqual(ALL);
    expect(windowOf({ low: 0.2, high: 999.9 }, EXTENT, "linear")).toEqual(ALL);
  });
});

describe("zooming", () => {
  test("keeps what is under the pointer in its place", () => {
    const next = zoomed(EXTENT, EXTENT, 0.5, 0.3, "linear", 4);
    expect(next).toEqual({ low: 150, high: 650 });
    expect(shareOf(next, 300, "linear")).toBeCloseTo(0.3);
  });

  test("goes down to single steps and no further", () => {
    let range = EXTENT;
    for (let turn = 0; turn < 40; turn++) range = zoomed(range, EXTENT, 0.5, 0.5, "linear", 4);
    expect(range).toEqual({ low: 498, high: 502 });
  });

  test("never leaves what is recorded", () => {
    expect(zoomed({ low: 0, high: 100 }, EXTENT, 0.5, 0, "linear", 4)).toEqual({
      low: 0,
      high: 50,
    });
    expect(zoomed({ low: 900, high: 1000 }, EXTENT, 3, 0.5, "linear", 4)).toEqual({
      low: 700,
      high: 1000,
    });
    expect(zoomed({ low: 400, high: 600 }, EXTENT, 100, 0.5, "linear", 4)).toEqual(EXTENT);
  });

  test("on a logarithmic axis works in orders of magnitude", () => {
    const extent = { low: 1, high: 10_000 };
    const next = zoomed(extent, extent, 0.5, 0.5, "log", 4);
    expect(next.low).toBeCloseTo(10);
    expect(next.high).toBeCloseTo(1000);
    expect(placeAt(next, 0.5, "log")).toBeCloseTo(100);
  });

  test("to a stretch that was dragged over, in either direction", () => {
    expect(between(EXTENT, EXTENT, 0.6, 0.2, "linear", 4)).toEqual({ low: 200, high: 600 });
    const tiny = between(EXTENT, EXTENT, 0.5, 0.5005, "linear", 4);
    expect(tiny.high - tiny.low).toBeCloseTo(4);
  });
});

test("panning stops at both ends and keeps the width", () => {
  const range = { low: 100, high: 300 };
  expect(panned(range, EXTENT, 0.5, "linear")).toEqual({ low: 200, high: 400 });
  expect(panned(range, EXTENT, -2, "linear")).toEqual({ low: 0, high: 200 });
  expect(panned(range, EXTENT, 50, "linear")).toEqual({ low: 800, high: 1000 });
  const log = panned({ low: 1, high: 10 }, { low: 1, high: 1000 }, 1, "log");
  expect(log.low).toBeCloseTo(10);
  expect(log.high).toBeCloseTo(100);
});

test("what cannot be drawn is made drawable", () => {
  expect(drawable({ low: 5, high: 5 }, "linear", 4)).toEqual({ low: 3, high: 7 });
  expect(drawable({ low: 0, high: 0 }, "linear", 4)).toEqual({ low: 0, high: 4 });
  expect(drawable({ low: 0, high: 100 }, "log", 1)).toEqual({ low: 1, high: 100 });
  expect(drawable({ low: 0, high: 0 }, "log", 1)).toEqual({ low: 1, high: 10 });
});

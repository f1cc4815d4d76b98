import { expect, test } from "vitest";

import { clockTick, powerTick, rateTick, tick, tickTexts } from "./tick_text.ts";

test("numbers on an axis stay short", () => {
  expect(
    [0, 0.25, -0.5, 950, 1200, 12_300, 2_500_000, 1e29, 0.0004].map((value) => tick(value)),
  ).toEqual(["0", "0.25", "−0.5", "950", "1200", "12.3k", "2.5M", "1e29", "4e−4"]);
});

test("neighbours are told apart, however close one looks", () => {
  expect(tickTexts([0, 10_000, 20_000], tick)).toEqual(["0", "10k", "20k"]);
  expect(tickTexts([12_345, 12_346], tick)).toEqual(["12345", "12346"]);
  expect(tickTexts([0.12345, 0.12346], tick)).toEqual(["0.12345", "0.12346"]);
  expect(tickTexts([1_234_567, 1_234_568], tick)).toEqual(["1234567", "1234568"]);
  expect(tickTexts([1e-7, 1e-6, 1e-5], tick)).toEqual(["1e−7", "1e−6", "1e−5"]);
  expect(tickTexts([0.00012, 0.000125], rateTick)).toEqual(["1.2e−4", "1.25e−4"]);
});

test("rates show their size, powers of ten are written as such", () => {
  expect([0, 0.05, 0.001, 0.00035].map((rate) => rateTick(rate))).toEqual([
    "0",
    "0.05",
    "1e−3",
    "3.5e−4",
  ]);
  expect([1e-12, 1e-3, 1, 1e5, 2e-5].map((value) => powerTick(value))).toEqual([
    "10⁻¹²",
    "0.001",
    "1",
    "10⁵",
    "2e−5",
  ]);
});

test("time is written as a clock says it", () => {
  expect([0, 12.5, 130, 3900, 3661].map((seconds) => clockTick(seconds))).toEqual([
    "0 s",
    "12.5 s",
    "2:10",
    "1:05 h",
    "1:01:01 h",
  ]);
});

import { expect, test } from "vitest";

import { byteValue, signedColor, signedTable } from "./color.ts";

function channels(pixel: number): number[] {
  return [pixel & 255, (pixel >> 8) & 255, (pixel >> 16) & 255, pixel >>> 24];
}

test("the ends and the middle have exactly the colours of the original", () => {
  expect(signedColor(-1)).toBe("rgb(245,147,34)");
  expect(signedColor(0)).toBe("rgb(232,234,235)");
  expect(signedColor(1)).toBe("rgb(8,119,189)");
  const table = signedTable(false);
  expect(channels(table[0]!)).toEqual([0xf5, 0x93, 0x22, 255]);
  expect(channels(table[255]!)).toEqual([0x08, 0x77, 0xbd, 255]);
});

test("values beyond the ends keep the colour of the end", () => {
  expect(signedColor(-7)).toBe(signedColor(-1));
  expect(signedColor(Infinity)).toBe(signedColor(1));
});

test("the discretized table has two colours and changes where the value changes its sign", () => {
  const table = signedTable(true);
  expect(new Set(table).size).toBe(2);
  expect(table[127]).toBe(signedTable(false)[0]);
  expect(table[128]).toBe(signedTable(false)[255]);
  expect(byteValue(127)).toBeLessThan(0);
  expect(byteValue(128)).toBeGreaterThan(0);
});

test("bytes stand for values from −1 to 1, symmetrically", () => {
  expect(byteValue(0)).toBeCloseTo(-1 + 0.5 / 128);
  expect(byteValue(255)).toBeCloseTo(1 - 0.5 / 128);
});

import { expect, test } from "vitest";

import { colorGrid } from "./heatmap.ts";

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => byte * 1000);

test("each cell is looked up, row by row, from the grid's place on", () => {
  const values = Uint8Array.from([9, 9, 9, 9, 1, 2, 3, 4]);
  const pixels = new Uint32Array(4);
  colorGrid(values, 4, 2, 1, TABLE, pixels);
  expect([...pixels]).toEqual([1000, 2000, 3000, 4000]);
});

test("a step takes the cell in the middle of each block", () => {
  const values = Uint8Array.from({ length: 16 }, (_, i) => i);
  const pixels = new Uint32Array(4);
  colorGrid(values, 0, 4, 2, TABLE, pixels);
  expect([...pixels]).toEqual([5000, 7000, 13000, 15000]);
});

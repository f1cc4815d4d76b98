import { expect, test } from "vitest";

import { type Frame, type RowImages, rowKey, type Rows } from "../network.ts";
import { Pictures } from "./pictures.ts";

const row = (value: number): RowImages => ({
  first: 0,
  depth: 0,
  images: { shape: [1, 1, 1], values: Float32Array.of(value) },
});
const rows = (...given: [layer: number, row: RowImages][]): Rows =>
  new Map(given.map(([layer, row]) => [rowKey(layer, row.first), row]));
const frame = (look: number, ...given: [number, RowImages][]) =>
  ({ look, rows: rows(...given) }) as unknown as Frame;
const shown = (pictures: Pictures) =>
  [0, 1, 2].map((layer) => pictures.at(layer, 0)?.images?.values[0] ?? null);

test("images of one look add up, those of another replace them", () => {
  const pictures = new Pictures();
  pictures.frame(frame(1, [0, row(5)]));
  pictures.more(1, rows([1, row(6)]));
  expect(shown(pictures)).toEqual([5, 6, null]);
  pictures.frame(frame(1, [2, row(7)]));
  expect(shown(pictures)).toEqual([5, 6, 7]);
  pictures.frame(frame(2, [2, row(8)]));
  expect(shown(pictures)).toEqual([null, null, 8]);
});

test("what comes before its frame waits for it, what comes after another is too late", () => {
  const pictures = new Pictures();
  pictures.more(4, rows([0, row(1)]));
  pictures.more(4, rows([1, row(2)]));
  expect(shown(pictures)).toEqual([null, null, null]);
  expect(pictures.additions.peek()).toBe(0);
  pictures.frame(frame(4, [2, row(3)]));
  expect(shown(pictures)).toEqual([1, 2, 3]);
  pictures.more(3, rows([0, row(9)]));
  expect(shown(pictures)).toEqual([1, 2, 3]);
  pictures.more(5, rows([0, row(4)]));
  pictures.frame(frame(6));
  expect(shown(pictures)).toEqual([null, null, null]);
  pictures.frame(frame(7));
  expect(shown(pictures)).toEqual([null, null, null]);
});

import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { fakeCanvas } from "../shared/testing/canvas.ts";
import { type NumberCell, NumberGrid } from "./number_grid.ts";

let written: string[];
let grid: NumberGrid;

beforeEach(() => {
  fakeCanvas();
  const canvas = document.createElement("canvas");
  const pen = canvas.getContext("2d")!;
  pen.fillText = (text) => written.push(text);
  written = [];
  grid = new NumberGrid(canvas);
});
afterEach(() => vi.restoreAllMocks());

const cells = (texts: string, color = "rgb(1,2,3)"): NumberCell[] =>
  texts.split(" ").map((text) => ({ text, color, dark: false, dashed: false }));

function drawn(side: number, size: number, shown: NumberCell[]): string {
  written = [];
  grid.draw(side, size, shown);
  return written.join(" ");
}

test("draws again what has changed, and nothing else", () => {
  expect(drawn(100, 2, cells("1 2 3 4"))).toBe("1 2 3 4");
  expect(drawn(100, 2, cells("1 2 3 4"))).toBe("");
  expect(drawn(100, 2, cells("1 2 9 4"))).toBe("9");
  expect(drawn(100, 2, cells("1 2 9 4", "rgb(3,2,1)"))).toBe("1 2 9 4");
});

test("draws all of it where the size or the resolution changes", () => {
  expect(drawn(100, 2, cells("1 2 3 4"))).toBe("1 2 3 4");
  expect(drawn(120, 2, cells("1 2 3 4"))).toBe("1 2 3 4");
  vi.stubGlobal("devicePixelRatio", 2);
  expect(drawn(120, 2, cells("1 2 3 4"))).toBe("1 2 3 4");
  vi.unstubAllGlobals();
  expect(drawn(120, 1, cells("1"))).toBe("1");
  expect(drawn(120, 1, [])).toBe("");
});

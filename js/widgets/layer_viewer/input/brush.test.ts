import { expect, test } from "vitest";

import { Drawing } from "./brush.ts";

const at = (drawing: Drawing, x: number, y: number) => drawing.pixels[y * drawing.width + x]!;

test("a stroke is full in its middle, soft at its edge and nothing beside", () => {
  const drawing = new Drawing(28, 28);
  drawing.begin(14, 5);
  drawing.move(14, 20);
  drawing.end();
  for (const y of [6, 12, 19]) expect(at(drawing, 14, y)).toBe(255);
  const edge = at(drawing, 15, 12);
  expect(edge).toBeGreaterThan(0);
  expect(at(drawing, 20, 12)).toBe(0);
  expect(at(drawing, 14, 25)).toBe(0);
});

test("a second stroke does not begin where the first ended", () => {
  const drawing = new Drawing(28, 28);
  drawing.begin(3, 3);
  drawing.end();
  drawing.begin(24, 24);
  expect(at(drawing, 14, 14)).toBe(0);
});

test("the eraser takes away, and beyond the sheet nothing happens", () => {
  const drawing = new Drawing(8, 8);
  drawing.begin(4, 4);
  expect(at(drawing, 4, 4)).toBeGreaterThan(100);
  drawing.move(4, 4, true);
  expect(at(drawing, 4, 4)).toBe(0);
  drawing.begin(-50, 300);
  drawing.move(90, -20);
  drawing.clear();
  expect(drawing.pixels.every((value) => value === 0)).toBe(true);
});

import { expect, test } from "vitest";

import {
  CLOSEST,
  fitted,
  held,
  kept,
  panned,
  reached,
  toDrawing,
  toScreen,
  zoomed,
} from "./camera.ts";

const WINDOW = { width: 400, height: 300 };
const CAMERA = { x: 50, y: 80, zoom: 1.5 };

test("what is at a place on the screen stays there while one zooms", () => {
  const before = toDrawing(CAMERA, WINDOW, 120, 40);
  for (const factor of [0.3, 1.7]) {
    const after = toDrawing(zoomed(CAMERA, WINDOW, factor, 120, 40), WINDOW, 120, 40);
    expect(after[0]).toBeCloseTo(before[0], 6);
    expect(after[1]).toBeCloseTo(before[1], 6);
  }
  expect(zoomed(CAMERA, WINDOW, 1e9, 0, 0).zoom).toBe(CLOSEST);
});

test("places on the screen and in the drawing are each other's inverse", () => {
  const [x, y] = toScreen(CAMERA, WINDOW, ...toDrawing(CAMERA, WINDOW, 33, 44));
  expect([x, y]).toEqual([expect.closeTo(33, 6), expect.closeTo(44, 6)]);
});

test("the drawing goes with the hand", () => {
  const [x, y] = toScreen(panned(CAMERA, 30, -20), WINDOW, 0, 0);
  const [x0, y0] = toScreen(CAMERA, WINDOW, 0, 0);
  expect([x - x0, y - y0]).toEqual([expect.closeTo(30, 6), expect.closeTo(-20, 6)]);
});

test("all fits, and is never larger than it is", () => {
  const all = { x: 10, y: 20, width: 4000, height: 100 };
  const camera = fitted(WINDOW, all);
  const [left] = toScreen(camera, WINDOW, 10, 20);
  const [right] = toScreen(camera, WINDOW, 4010, 120);
  expect(left).toBeCloseTo(8, 6);
  expect(right).toBeCloseTo(392, 6);
  expect(fitted(WINDOW, { x: 0, y: 0, width: 10, height: 10 }).zoom).toBe(1);
});

test("what is opened keeps its place on the screen", () => {
  const after = kept(CAMERA, [10, 10], [60, 35]);
  expect(toScreen(after, WINDOW, 60, 35)).toEqual(toScreen(CAMERA, WINDOW, 10, 10));
});

test("as little is moved as brings an item into sight", () => {
  const box = { x: 900, y: 70, width: 40, height: 20 };
  const camera = reached(CAMERA, WINDOW, box);
  expect(camera.y).toBe(CAMERA.y);
  const [right] = toScreen(camera, WINDOW, 940, 90);
  expect(right).toBeLessThanOrEqual(WINDOW.width - 24 + 1e-6);
  expect(reached(camera, WINDOW, box)).toEqual(camera);
});

test("the drawing never leaves the window altogether", () => {
  const drawing = { x: 0, y: 0, width: 200, height: 100 };
  const camera = held({ x: 1e6, y: -1e6, zoom: 2 }, WINDOW, drawing);
  const [x, y] = toScreen(camera, WINDOW, 200, 0);
  expect(x).toBeGreaterThan(0);
  expect(y).toBeLessThan(WINDOW.height);
});

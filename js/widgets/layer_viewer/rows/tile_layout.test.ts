import { describe, expect, test } from "vitest";

import type { Layer } from "../network.ts";
import { AREA, layoutTiles, tileAt, tilePlace, truePlace } from "./tile_layout.ts";

function layer(layout: Layer["layout"], ...shape: number[]): Layer {
  return { layout, shape } as unknown as Layer;
}

test.each([
  [layer("maps", 6, 28, 28), 52],
  [layer("maps", 16, 10, 10), 25],
  [layer("maps", 64, 8, 8), 12],
  [layer("vector", 10), 24],
  [layer("vector", 120), 9],
])("all units have room in tiles that are as large as can be", (of, tall) => {
  const layout = layoutTiles(of, 340);
  expect(layout.tileHeight).toBe(tall);
  expect(layout.capacity).toBeGreaterThanOrEqual(of.shape[0]!);
});

test("where there is no room for all, the smallest tiles fill the row and no more", () => {
  const layout = layoutTiles(layer("maps", 512, 7, 7), 340);
  expect(layout.capacity).toBeLessThan(512);
  const [x, y] = tilePlace(layout, layout.capacity - 1);
  expect(x + layout.tileWidth).toBeLessThanOrEqual(340);
  expect(y + layout.tileHeight).toBeLessThanOrEqual(AREA);
});

test("maps keep their proportions, lines are long", () => {
  expect(layoutTiles(layer("maps", 2, 10, 20), 340).tileWidth).toBe(104);
  expect(layoutTiles(layer("maps", 2, 20, 10), 340).tileWidth).toBe(26);
  expect(layoutTiles(layer("lines", 3, 900), 340).tileWidth).toBe(170);
});

describe("a point", () => {
  const layout = layoutTiles(layer("maps", 16, 10, 10), 340);
  test("hits the tile that is drawn there", () => {
    for (const index of [0, 5, 12, 15]) {
      const [x, y] = tilePlace(layout, index);
      expect(tileAt(layout, x + 5, y + 20)).toEqual({ index, across: 0.2, down: 0.8 });
    }
  });
  test("between tiles and beside them hits none", () => {
    expect(tileAt(layout, layout.tileWidth + 1, 3)).toBeNull();
    expect(tileAt(layout, -1, 3)).toBeNull();
    expect(tileAt(layout, 3, AREA + 9)).toBeNull();
  });
});

test("cells stand for the positions that the kernel chose", () => {
  expect([0, 1, 2].map((cell) => truePlace(cell, 3, 9))).toEqual([1, 4, 7]);
  expect([0, 1, 2, 3].map((cell) => truePlace(cell, 4, 4))).toEqual([0, 1, 2, 3]);
});

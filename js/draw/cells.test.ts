import { expect, test } from "vitest";

import { convexHull, drawCells } from "./cells.ts";

test("cells that are too small for edges are filled a colour at a time, what is marked on top", () => {
  const filled: unknown[] = [];
  const context = {
    fillStyle: "",
    fillRect(...box: number[]) {
      filled.push([this.fillStyle, ...box]);
    },
  };
  const plane = { left: 10, top: 5, width: 0.5, height: 8, rows: 1, columns: 100 };
  drawCells(context as never, plane, "grey", (_, column) => ({
    fill: column < 40 ? "blue" : "green",
    ...(column === 20 ? { edge: "red" } : {}),
  }));
  expect(filled).toEqual([
    ["blue", 10, 5, 20, 8],
    ["green", 30, 5, 30, 8],
    ["red", 20, 5, 1, 8],
  ]);
});

test("the outline of a window and its output leaves out the corners between them", () => {
  const window = [
    [0, 0],
    [3, 0],
    [3, 3],
    [0, 3],
  ] as const;
  const output = [
    [9, 1],
    [10, 1],
    [10, 2],
    [9, 2],
  ] as const;
  const hull = convexHull([...window, ...output]);
  expect(hull).toHaveLength(6);
  expect(hull).toEqual(
    expect.arrayContaining([
      [0, 0],
      [3, 0],
      [10, 1],
      [10, 2],
      [3, 3],
      [0, 3],
    ]),
  );
});

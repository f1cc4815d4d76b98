import { expect, test } from "vitest";

import { convexHull } from "./cells.ts";

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

import { expect, test } from "vitest";

import { knownAt, layOut, numberAt, type Operation, stepsOf } from "./layout.ts";

/** (a + b)(b + 1): a, b, c = a + b, d = b + 1, e = c · d. */
const lone = (...from: number[]): Operation => ({
  inputs: from.map((place) => ({ from: place })),
  rows: 1,
  columns: 1,
});
const SHARED = [lone(), lone(), lone(0, 1), lone(1), lone(2, 3)];

test("each stands to the right of what it takes, and none upon another", () => {
  const chain = [lone(), lone(0), lone(1), lone(), lone(2, 3), { ...lone(4), rows: 4, columns: 4 }];
  for (const operations of [SHARED, chain]) {
    const { nodes, width, height } = layOut(operations);
    operations.forEach(({ inputs }, place) => {
      for (const { from } of inputs) {
        expect(nodes[from]!.x + nodes[from]!.width).toBeLessThan(nodes[place]!.x);
      }
    });
    nodes.forEach((a, i) => {
      expect(a.x >= 0 && a.y >= 0 && a.x + a.width <= width && a.y + a.height <= height).toBe(true);
      nodes.slice(i + 1).forEach((b) => {
        const apart =
          a.x + a.width <= b.x ||
          b.x + b.width <= a.x ||
          a.y + a.height <= b.y ||
          b.y + b.height <= a.y;
        expect(apart).toBe(true);
      });
    });
  }
});

test("what is given stands right before its first use", () => {
  const late = [lone(), lone(0), lone(1), lone(), lone(2, 3)];
  const { nodes } = layOut(late);
  expect(nodes[3]!.x).toBe(nodes[2]!.x);
});

test("a place of the drawing is a number, written or as a colour", () => {
  const matrix = { inputs: [], rows: 3, columns: 2 };
  const picture = { inputs: [], rows: 30, columns: 20 };
  const layout = layOut([matrix, picture]);
  const [written, colored] = layout.nodes as [(typeof layout.nodes)[0], (typeof layout.nodes)[0]];
  expect([written.written, colored.written]).toEqual([true, false]);
  const { left, top, cellWidth, cellHeight } = written;
  const at = (x: number, y: number) => numberAt(layout, [matrix, picture], x, y);
  expect(at(left + 1.5 * cellWidth, top + 2.5 * cellHeight)).toEqual({ node: 0, at: 5 });
  // Its title counts as its first number.
  expect(at(written.x + 1, written.y + 1)).toEqual({ node: 0, at: 0 });
  // Gradients stand below the values.
  for (const half of [0, 30 * colored.cellHeight + 2]) {
    const x = colored.left + 3.5 * colored.cellWidth;
    const y = colored.top + half + 4.5 * colored.cellHeight;
    expect(at(x, y)).toEqual({ node: 1, at: 83 });
  }
  expect(at(-5, -5)).toBeNull();
});

test("forward the values come one by one, backward the gradients, all that return first", () => {
  expect(stepsOf(SHARED)).toBe(7);
  const shown = (flags: readonly boolean[]) => flags.map((one) => (one ? "x" : "·")).join("");
  const steps = Array.from({ length: 8 }, (_, step) => {
    const { values, gradients, current, backward } = knownAt(SHARED, 4, step);
    return `${shown(values)} ${shown(gradients)} ${current} ${backward}`;
  });
  expect(steps).toEqual([
    "xx··· ····· null false",
    "xxx·· ····· 2 false",
    "xxxx· ····· 3 false",
    "xxxxx ····· 4 false",
    "xxxxx ····x 4 true",
    "xxxxx ··xxx 4 true",
    // b waits for what comes back by c.
    "xxxxx ··xxx 3 true",
    "xxxxx xxxxx 2 true",
  ]);
});

import { describe, expect, test } from "vitest";

import { linkWidth } from "./links.ts";
import { along, biasAt, biasBox, layoutNetwork, linkAt, parameterLayout } from "./network.ts";

const BASE = {
  width: 390,
  height: 396,
  featureCount: 7,
  used: [0, 1],
  hidden: [4, 2],
  labelWidth: 32,
  largestNode: 38,
  outputY: 220,
};

describe("layout", () => {
  const networks = [[], [1], [4, 2], [16], Array<number>(8).fill(16), [16, 1, 16, 1]];
  test.each(networks.map((hidden) => [hidden]))(
    "%j stays inside and nothing overlaps",
    (hidden) => {
      const layout = layoutNetwork({ ...BASE, used: [0, 1, 2, 3, 4, 5, 6], hidden });
      const columns = [layout.features, ...layout.layers];
      columns.forEach((column, i) => {
        column.forEach((box, j) => {
          expect(box.x).toBeGreaterThanOrEqual(0);
          expect(box.x + box.size).toBeLessThanOrEqual(BASE.width);
          expect(box.y).toBeGreaterThanOrEqual(0);
          expect(box.y + box.size).toBeLessThanOrEqual(BASE.height);
          if (j > 0) expect(box.y).toBeGreaterThan(column[j - 1]!.y + column[j - 1]!.size);
          const previous = columns[i - 1]?.[0];
          if (previous) expect(box.x - previous.x - previous.size).toBeGreaterThanOrEqual(8);
        });
      });
      expect(layout.layers.map((layer) => layer.length)).toEqual([...hidden, 1]);
    },
  );

  test("links start at the features in use and follow the order of the parameters", () => {
    const layout = layoutNetwork({ ...BASE, used: [2, 5] });
    expect(layout.links).toHaveLength(2 * 4 + 4 * 2 + 2);
    // Weight [out, in] row by row: the second is from the second input to the first neuron.
    expect(layout.links[1]).toMatchObject({ layer: 0, from: 1, to: 0, parameter: 1 });
    expect(layout.links[1]!.y0).toBe(layout.features[5]!.y + layout.features[5]!.size / 2);
    // 8 weights and 4 biases come before the second layer.
    expect(layout.links[8]).toMatchObject({ layer: 1, from: 0, to: 0, parameter: 12 });
    expect(layout.links.at(-1)).toMatchObject({ layer: 2, from: 1, to: 0, parameter: 23 });
  });
});

test("parameters are counted as model.parameters() yields them", () => {
  expect(parameterLayout([2, 4, 2, 1])).toEqual([
    { inputs: 2, outputs: 4, weight: 0, bias: 8 },
    { inputs: 4, outputs: 2, weight: 12, bias: 20 },
    { inputs: 2, outputs: 1, weight: 22, bias: 24 },
  ]);
});

describe("hit test", () => {
  const { links } = layoutNetwork(BASE);

  test("finds each link at its own middle", () => {
    // Links of a layer cross near the middle, so each is looked for close to where it enters.
    for (const link of links) {
      const [x, y] = along(link, 0.97);
      expect(linkAt(links, x, y, 5)).toBe(link);
    }
  });

  test("finds none beyond its reach, nor before or behind the links", () => {
    expect(linkAt(links, 200, 390, 5)).toBeUndefined();
    expect(linkAt(links, 5, links[0]!.y0, 5)).toBeUndefined();
    expect(linkAt([], 10, 10, 5)).toBeUndefined();
  });
});

test("a bias is found at its mark, and not in the node or far from it", () => {
  const { layers } = layoutNetwork(BASE);
  layers.forEach((units, layer) => {
    units.forEach((node, unit) => {
      const { x, y } = biasBox(node);
      expect(biasAt(layers, x + 1, y + 1, 2)).toEqual({ layer, unit });
      expect(biasAt(layers, node.x + node.size / 2, node.y + 5, 2)).toBeUndefined();
    });
  });
});

test("a link is as wide as its weight is large, never invisible, never endless", () => {
  expect(linkWidth(0)).toBe(1);
  expect(linkWidth(-2)).toBe(linkWidth(2));
  expect(linkWidth(2)).toBeGreaterThan(linkWidth(1));
  expect(linkWidth(5)).toBe(linkWidth(5000));
  expect(linkWidth(NaN)).toBe(1);
});

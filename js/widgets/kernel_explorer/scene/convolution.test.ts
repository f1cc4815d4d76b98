import { readFileSync } from "node:fs";
import { resolve } from "node:path";

import { describe, expect, test } from "vitest";

import { Convolution, type Kernels } from "./convolution.ts";
import { type Filter, isMisfit, layOver, pad } from "../kernel/filter.ts";
import { inGrey, type Planes } from "../image/planes.ts";

interface Case {
  readonly filter: Filter;
  readonly image: number[][][];
  readonly kernels: Kernels;
  readonly output: number[][][];
}

/** What torch computed, by tests/golden/make_image_filters.py. */
const CASES = JSON.parse(
  readFileSync(resolve("tests/golden/image_filters.json"), "utf8"),
) as Case[];

function planes(values: number[][][]): Planes {
  return {
    ...{ channels: values.length, height: values[0]!.length, width: values[0]![0]!.length },
    values: Float32Array.from(values.flat(2)),
  };
}

function task(filter: Filter, size: number, given: Planes) {
  const image = filter.channels === "grey" ? inGrey(given) : given;
  const geometry = layOver(filter, size, image);
  if (isMisfit(geometry)) throw new Error(geometry.key);
  return { ...filter, geometry, padded: pad(image, filter.padding_mode, geometry) };
}

function expectNear(output: Planes, wanted: number[][][]): void {
  expect([output.channels, output.height, output.width]).toEqual([
    wanted.length,
    wanted[0]!.length,
    wanted[0]![0]!.length,
  ]);
  wanted.flat(2).forEach((value, i) => {
    const found = output.values[i]!;
    if (!(Math.abs(found - value) <= 1e-5 + 2e-6 * Math.abs(value))) {
      throw new Error(`Output ${i} is ${found}; torch computes ${value}.`);
    }
  });
}

test.each(CASES.map((found, i) => [i, JSON.stringify(found.filter), found] as const))(
  "torch computes the same: %i %s",
  (_, __, { filter, image, kernels, output }) => {
    const size = kernels[0]!.length;
    const run = new Convolution().run(task(filter, size, planes(image)), kernels, filter.bias);
    expectNear(run, output);
  },
);

describe("an edit", () => {
  const found = CASES.find(
    ({ kernels, filter }) =>
      kernels.length > 1 && kernels[0]!.length > 5 && filter.channels === "sum",
  )!;
  const { filter, image, kernels, output } = found;
  const edited = (value: number): Kernels =>
    kernels.map((kernel, i) =>
      i === 1
        ? kernel.map((row, y) => (y === 2 ? row.map((old, x) => (x === 3 ? value : old)) : row))
        : kernel,
    );

  test("of one cell gives what a new start gives, and back again what was before", () => {
    const one = task(filter, kernels[0]!.length, planes(image));
    const convolution = new Convolution();
    convolution.run(one, kernels, filter.bias);
    const after = convolution.run(one, edited(-7.3), filter.bias).values.slice();
    const anew = new Convolution().run(one, edited(-7.3), filter.bias).values;
    expect(Math.max(...after.map((value, i) => Math.abs(value - anew[i]!)))).toBeLessThan(1e-5);
    expectNear(convolution.run(one, kernels, filter.bias), output);
  });

  test("leaves no trace however often it is made", () => {
    const one = task(filter, kernels[0]!.length, planes(image));
    const convolution = new Convolution();
    for (let i = 0; i < 1100; i++) convolution.run(one, edited(Math.sin(i) * 1000), filter.bias);
    expectNear(convolution.run(one, kernels, filter.bias), output);
  });
});

describe("what does not fit", () => {
  const image = planes([
    [
      [1, 2, 3],
      [4, 5, 6],
    ],
  ]);
  const filter: Filter = {
    ...{ channels: "each", padding: 0, padding_mode: "zeros", stride: 1, dilation: 1, bias: 0 },
  };

  test.each([
    [{}, 3, { key: "kernel_too_wide", params: { reach: 3, height: 2, width: 3 } }],
    [
      { padding: 1, dilation: 3 },
      3,
      { key: "kernel_too_wide", params: { reach: 7, height: 4, width: 5 } },
    ],
    [
      { padding: 2, padding_mode: "reflect" },
      3,
      { key: "padding_reflect", params: { given: 2, height: 2, width: 3 } },
    ],
    [
      { padding: 3, padding_mode: "circular" },
      3,
      { key: "padding_circular", params: { given: 3, height: 2, width: 3 } },
    ],
  ] as const)("%o is said in a sentence", (changes, size, misfit) => {
    expect(layOver({ ...filter, ...changes }, size, image)).toEqual(misfit);
  });
});

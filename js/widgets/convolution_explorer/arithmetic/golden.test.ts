/** The browser's arithmetic against torch's, case by case: tests/golden/make_convolutions.py. */

import { readFileSync } from "node:fs";
import { resolve } from "node:path";

import { describe, expect, test } from "vitest";

import { layerAxes, receptiveField } from "./axis.ts";
import { change } from "./change.ts";
import { exampleBias, exampleInput, exampleWeight } from "./example.ts";
import { Layer } from "./layer.ts";
import { matrix } from "./matrix.ts";
import { refusal } from "./refusal.ts";
import { isPool, parameterCount, type Settings } from "./settings.ts";
import { source } from "./source.ts";

interface Case {
  settings: Settings;
  refused: { key: string; params: Record<string, string> } | null;
  example: boolean;
  output_size: number[];
  left_over: number[];
  receptive_field: number[];
  parameters: number;
  line: string;
  input: number[];
  weight: number[];
  bias: number[];
  output: (number | string)[];
  matrix: number[] | null;
}

const text = readFileSync(resolve("tests/golden/convolutions.json"), "utf8");
const cases = (JSON.parse(text) as Case[]).map((found, index) => [index, found] as const);
const refused = cases.filter(([, found]) => found.refused !== null);
const computed = cases.filter(([, found]) => found.refused === null);

function layers({ settings, input, weight, bias, example }: Case): Layer[] {
  let values = Float32Array.from(input);
  return layerAxes(settings).map((axes, place) => {
    const own = !example && settings.layers === 1;
    const given = own ? Float32Array.from(weight) : exampleWeight(settings, place);
    const biases = settings.bias
      ? own
        ? Float32Array.from(bias)
        : exampleBias(settings)
      : new Float32Array();
    const layer = new Layer(
      settings,
      axes,
      values,
      isPool(settings) ? new Float32Array() : given,
      biases,
    );
    if (settings.layers > 1) values = Float32Array.from(layer.output(0));
    return layer;
  });
}

test("there are enough cases", () => {
  expect(computed.length).toBeGreaterThan(100);
  expect(refused.length).toBeGreaterThan(40);
});

describe("what torch refuses", () => {
  test.each(refused)("case %i", (_, found) => {
    expect(refusal(found.settings)).toMatchObject(found.refused!);
  });
});

describe("what torch computes", () => {
  test.each(computed)("case %i", (_, found) => {
    const { settings } = found;
    expect(refusal(settings)).toBeNull();
    const all = layers(found);
    const last = all.at(-1)!;
    const sizes = [last.y.outputs, last.x.outputs].slice(-settings.input_size.length);
    expect(sizes).toEqual(found.output_size);
    const first = [all[0]!.y, all[0]!.x].slice(-sizes.length);
    expect(first.map((axis) => axis.leftOver)).toEqual(found.left_over);
    expect(receptiveField(settings)).toEqual(found.receptive_field);
    expect(parameterCount(settings)).toBe(found.parameters);
    expect(source(settings)).toBe(found.line);

    const channels = Array.from({ length: settings.out_channels }, (_, channel) => channel);
    const outputs = channels.flatMap((channel) => [...last.output(channel)]);
    expect(outputs).toEqual(found.output.map((value) => Math.fround(Number(value))));

    // The terms that are shown for a cell make up its value.
    for (const layer of all) {
      for (const channel of channels) {
        layer.output(channel).forEach((value, cell) => {
          const [y, x] = [Math.floor(cell / layer.x.outputs), cell % layer.x.outputs];
          const terms = layer.inputsOf(channel).flatMap((from) => layer.terms(channel, from, y, x));
          expect(Math.fround(total(layer, channel, y, x, terms))).toBeCloseTo(value, 4);
        });
      }
    }
    if (found.matrix !== null && all.length === 1) {
      const from = Array.from({ length: settings.in_channels }, (_, channel) => channel);
      const block = matrix(last, channels, from);
      const entries = [...block.values].map((value) => (Number.isNaN(value) ? 0 : value));
      expect(entries.length).toBe(found.matrix.length);
      entries.forEach((value, place) => expect(value).toBeCloseTo(found.matrix![place]!, 5));
    }
  });
});

function total(
  layer: Layer,
  channel: number,
  y: number,
  x: number,
  terms: readonly { value: number; weight: number }[],
): number {
  if (layer.settings.kind === "max_pool") return Math.max(...terms.map(({ value }) => value));
  const sum = terms.reduce((before, { value, weight }) => before + value * weight, 0);
  if (layer.settings.kind === "avg_pool") return sum / layer.divisor(y, x);
  return sum + layer.biasOf(channel);
}

test("the numbers that are shown without a layer are those of Python", () => {
  const examples = computed.filter(([, found]) => found.example);
  expect(examples.length).toBeGreaterThan(20);
  for (const [, { settings, input, weight, bias }] of examples) {
    expect([...exampleInput(settings)]).toEqual(input);
    if (!isPool(settings)) expect([...exampleWeight(settings, 0)]).toEqual(weight);
    if (settings.bias) expect([...exampleBias(settings)]).toEqual(bias);
  }
});

test("what a new kind lacks goes back to what does nothing", () => {
  const { settings } = computed[0]![1];
  const own = {
    ...settings,
    padding: "same",
    dilation: [2, 2],
    bias: true,
    in_channels: 2,
  } as const;
  const { settings: pool, refused: none } = change(own, { kind: "avg_pool" });
  expect(none).toBeNull();
  expect(pool).toMatchObject({ padding: [0, 0], dilation: [1, 1], bias: false, out_channels: 2 });
  const line = change(settings, { input_size: [9], padding: "causal", layers: 3 }).settings;
  expect(line.kernel_size).toEqual([3]);
  expect(change(line, { input_size: [9, 9] }).settings).toMatchObject({
    layers: 1,
    padding: [0, 0],
    kernel_size: [3, 3],
  });
  expect(change(settings, { stride: [0, 1] }).refused).toMatchObject({
    key: "whole",
    params: { name: "stride", low: "1", high: "16", given: "0" },
    fields: ["stride"],
  });
});

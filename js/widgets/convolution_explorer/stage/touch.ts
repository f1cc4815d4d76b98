/** What a cell touches: an input its outputs, a weight all it multiplies, an output its window. */

import type { Axis, Tap } from "../arithmetic/axis.ts";
import type { Picture } from "./picture.ts";

export type Part = "input" | "weight" | "output";

/** A cell that is looked at; of an input, counted on the stretched, padded one. */
export interface Target {
  readonly part: Part;
  /** Of a stack; its inputs in between are the outputs of the layer before. */
  readonly layer: number;
  readonly y: number;
  readonly x: number;
}

/** A pair of an output and one of its taps, in one dimension. */
interface Meeting {
  readonly output: number;
  readonly tap: Tap;
}

export interface Touched {
  /** Cells → the weight that meets them: its place in the kernel, −1 where there are several. */
  readonly inputs: ReadonlyMap<number, number>;
  readonly weights: ReadonlySet<number>;
  readonly outputs: ReadonlyMap<number, number>;
  /** How many inputs, padding left out, and outputs. */
  readonly realInputs: number;
}

/** A cell as one number; padding has negative places. */
export function cellKey(y: number, x: number): number {
  return (y + 4096) * 16384 + (x + 4096);
}

/** The row and the column of a key. */
export function cellOf(key: number): [y: number, x: number] {
  return [Math.floor(key / 16384) - 4096, (key % 16384) - 4096];
}

export function same(a: Target | null, b: Target | null): boolean {
  return (
    a === b ||
    (a !== null &&
      b !== null &&
      a.part === b.part &&
      a.layer === b.layer &&
      a.y === b.y &&
      a.x === b.x)
  );
}

/** Whether a picture has such a cell. */
export function exists({ layers }: Picture, { part, layer, y, x }: Target): boolean {
  const shown = layers[layer];
  if (shown === undefined || (part === "input" && layer > 0)) return false;
  const inside = (axis: Axis, place: number) => {
    if (part === "input") return place >= axis.low && place <= axis.high;
    return place >= 0 && place < (part === "weight" ? axis.kernel : axis.outputs);
  };
  return inside(shown.y, y) && inside(shown.x, x);
}

/** All that one layer of a picture brings together with a target of that layer. */
export function touched(picture: Picture, target: Target): Touched {
  const layer = picture.layers[target.layer]!;
  const rows = meetings(layer.y, target.part, target.y);
  const columns = meetings(layer.x, target.part, target.x);
  const inputs = new Map<number, number>();
  const weights = new Set<number>();
  const outputs = new Map<number, number>();
  const real = new Set<number>();
  const note = (map: Map<number, number>, key: number, weight: number) => {
    map.set(key, map.has(key) && map.get(key) !== weight ? -1 : weight);
  };
  for (const row of rows) {
    for (const column of columns) {
      const weight = row.tap.kernel * layer.x.kernel + column.tap.kernel;
      note(inputs, cellKey(row.tap.at, column.tap.at), weight);
      note(outputs, cellKey(row.output, column.output), weight);
      weights.add(weight);
      const [y, x] = [layer.y.source(row.tap.at), layer.x.source(column.tap.at)];
      if (y !== null && x !== null) real.add(cellKey(y, x));
    }
  }
  if (target.part === "input" && inputs.size === 0) inputs.set(cellKey(target.y, target.x), -1);
  return { inputs, weights, outputs, realInputs: real.size };
}

function meetings(axis: Axis, part: Part, place: number): Meeting[] {
  const found: Meeting[] = [];
  const source = part === "input" ? axis.source(place) : null;
  for (let output = 0; output < axis.outputs; output++) {
    if (part === "output" && output !== place) continue;
    for (const tap of axis.window(output)) {
      if (part === "weight" && tap.kernel !== place) continue;
      // Padding that repeats an input is that input.
      const meets = source === null ? tap.at === place : axis.source(tap.at) === source;
      if (part === "input" && !meets) continue;
      found.push({ output, tap });
    }
  }
  return found;
}

/** The rows of a stack: which cells of each belong to the target; row 0 is the input. */
export function field(picture: Picture, target: Target): ReadonlySet<number>[] {
  const { layers } = picture;
  const rows = Array.from({ length: layers.length + 1 }, () => new Set<number>());
  const begin = target.part === "output" ? target.layer + 1 : target.layer;
  if (target.part === "weight") {
    const { x } = layers[target.layer]!;
    for (const { output, tap } of meetings(x, "weight", target.x)) {
      rows[target.layer]!.add(tap.at);
      rows[target.layer + 1]!.add(output);
    }
    return rows;
  }
  rows[begin]!.add(target.x);
  // Down to the inputs that it is made of, or up to the outputs that it goes into.
  if (target.part === "output") {
    for (let layer = begin - 1; layer >= 0; layer--) {
      for (const output of rows[layer + 1]!) {
        if (output < 0 || output >= layers[layer]!.x.outputs) continue;
        for (const { at } of layers[layer]!.x.window(output)) rows[layer]!.add(at);
      }
    }
  } else {
    for (let layer = begin; layer < layers.length; layer++) {
      const { x } = layers[layer]!;
      for (let output = 0; output < x.outputs; output++) {
        const meets = x.window(output).some(({ at }) => rows[layer]!.has(at));
        if (meets) rows[layer + 1]!.add(output);
      }
    }
  }
  return rows;
}

/** One dimension: rows of cells, the input at the bottom, each output over what it is made of. */

import type { Plane } from "../../../draw/cells.ts";
import type { Layer } from "../arithmetic/layer.ts";
import type { Picture } from "./picture.ts";

export interface Row {
  /** Slots as wide as one output is from the next; cells stand in their middle. */
  readonly plane: Plane;
  readonly cell: number;
  /** What the first slot is: negative where padding is drawn. */
  readonly first: number;
}

export interface LineLayout {
  readonly weight: Plane;
  /** The input first, then each layer's output. */
  readonly rows: readonly Row[];
  /** Room for the names of rows, at the left. */
  readonly margin: number;
}

const STRIP = 56;
const WIDEST = 40;
const HIGHEST = 34;
const LOWEST = 12;
const MARGIN = 104;

export function layOutRows(picture: Picture, width: number, height: number): LineLayout {
  const { layers, settings } = picture;
  const margin = width > 520 ? MARGIN : 4;
  const lines = [{ step: 1, start: 0, first: 0, count: layers[0]!.x.size }];
  const { x } = layers[0]!;
  // Of a stack only the inputs themselves are drawn: its padding is another one in each layer.
  if (layers.length === 1) {
    lines[0] = { step: 1, start: x.low, first: x.low, count: x.high - x.low + 1 };
  }
  for (const layer of layers)
    lines.push(above(lines.at(-1)!, layer, settings.padding === "causal"));
  const low = Math.min(...lines.map(({ start }) => start)) - 0.5;
  const high = Math.max(...lines.map(({ start, step, count }) => start + step * (count - 1))) + 0.5;
  const room = width - margin - 8;
  const cell = Math.min(WIDEST, room / (high - low));
  const gaps = Math.max(1, lines.length - 1);
  const most = (height - STRIP - 20) / (1 + 2 * gaps);
  const tall = Math.max(LOWEST, Math.min(HIGHEST, cell, most));
  const free = height - STRIP - 20 - tall;
  const pitch = Math.min(free / gaps, 150);
  const left = margin + (room - cell * (high - low)) / 2;
  const bottom = STRIP + 16 + (free + pitch * (lines.length - 1)) / 2;
  const rows = lines.map(({ step, start, first, count }, place): Row => ({
    plane: {
      left: left + (start - low - step / 2) * cell,
      top: Math.round(bottom - place * pitch),
      width: step * cell,
      height: tall,
      rows: 1,
      columns: count,
    },
    cell,
    first,
  }));
  const kernel = layers[0]!.x.kernel;
  const size = Math.min(30, (width - margin - 8) / kernel);
  return {
    weight: {
      left: margin,
      top: 22,
      width: size,
      height: Math.min(30, Math.max(12, size)),
      rows: 1,
      columns: kernel,
    },
    rows,
    margin,
  };
}

interface Line {
  readonly step: number;
  readonly start: number;
  readonly first: number;
  readonly count: number;
}

/** An output stands over the middle of its window, a causal one over the last input that it knows. */
function above(below: Line, { x }: Layer, causal: boolean): Line {
  const anchor = causal ? x.span - 1 : (x.span - 1) / 2;
  const origin = below.start - below.first * below.step;
  return {
    step: below.step * (x.transposed ? 1 : x.stride),
    start: origin + below.step * (x.start(0) + anchor),
    first: 0,
    count: x.outputs,
  };
}

/** The layer as one matrix, C of the guide: each row makes an output of all inputs. */

import type { Layer } from "./layer.ts";

/** Beyond this only the block of one input and one output channel is drawn. */
export const MOST_ENTRIES = 60_000;

export interface Block {
  readonly rows: number;
  readonly columns: number;
  /** Row by row; NaN where the layer has no weight, so that a weight of zero shows. */
  readonly values: Float32Array;
}

/** The rows of some output channels and the columns of some input channels. */
export function matrix(layer: Layer, outputs: readonly number[], inputs: readonly number[]): Block {
  const { inPlane, outPlane, x, y } = layer;
  const columns = inputs.length * inPlane;
  const values = new Float32Array(outputs.length * outPlane * columns).fill(NaN);
  outputs.forEach((output, rowBlock) => {
    for (const input of layer.inputsOf(output)) {
      const columnBlock = inputs.indexOf(input);
      if (columnBlock < 0) continue;
      for (let cell = 0; cell < outPlane; cell++) {
        const [row, column] = [Math.floor(cell / x.outputs), cell % x.outputs];
        const share = layer.settings.kind === "avg_pool" ? 1 / layer.divisor(row, column) : 1;
        const start = (rowBlock * outPlane + cell) * columns + columnBlock * inPlane;
        for (const term of layer.terms(output, input, row, column)) {
          const [from, to] = [y.source(term.y.at), x.source(term.x.at)];
          if (from === null || to === null) continue;
          const place = start + from * x.size + to;
          // Padding that repeats inputs gives one of them several weights.
          const before = Number.isNaN(values[place]!) ? 0 : values[place]!;
          values[place] = before + term.weight * share;
        }
      }
    }
  });
  return { rows: outputs.length * outPlane, columns, values };
}

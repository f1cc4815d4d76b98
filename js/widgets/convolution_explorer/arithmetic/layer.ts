/** One layer with its numbers: what comes out of each cell, and of which products. */

import { Axis, type Tap } from "./axis.ts";
import { count, isPool, type Settings } from "./settings.ts";

const ONE = new Axis(false, 1, 1, 1, 1, 0, 0);

/** One cell that a window looks at. */
export interface Term {
  readonly channel: number;
  readonly y: Tap;
  readonly x: Tap;
  /** What it holds: padding is zero, and for a max pool −∞. */
  readonly value: number;
  /** 1 for pools. */
  readonly weight: number;
}

/** Planes are rows of cells; what has one dimension is one row. */
export class Layer {
  readonly y: Axis;
  readonly x: Axis;
  readonly inPlane: number;
  readonly outPlane: number;
  /** Channels that an output looks at, and outputs that share them. */
  readonly groupInputs: number;
  readonly groupOutputs: number;
  readonly #outputs = new Map<number, Float32Array>();
  readonly #kernel: number;

  /** @param weight as torch has it; empty for pools. */
  constructor(
    readonly settings: Settings,
    axes: readonly Axis[],
    readonly input: Float32Array,
    readonly weight: Float32Array,
    readonly bias: Float32Array,
  ) {
    this.x = axes.at(-1)!;
    this.y = axes.length === 2 ? axes[0]! : ONE;
    this.inPlane = this.y.size * this.x.size;
    this.outPlane = this.y.outputs * this.x.outputs;
    const pool = isPool(settings);
    this.groupInputs = pool ? 1 : settings.in_channels / settings.groups;
    this.groupOutputs = pool ? 1 : settings.out_channels / settings.groups;
    this.#kernel = count(settings.kernel_size);
  }

  /** The first input channel that an output channel looks at. */
  firstInput(channel: number): number {
    return Math.floor(channel / this.groupOutputs) * this.groupInputs;
  }

  /** The input channels that an output channel looks at. */
  inputsOf(channel: number): number[] {
    const first = this.firstInput(channel);
    return Array.from({ length: this.groupInputs }, (_, place) => first + place);
  }

  /** What a cell of the stretched, padded input holds; null is −∞, or nothing. */
  inputAt(channel: number, y: number, x: number): number | null {
    const [row, column] = [this.y.source(y), this.x.source(x)];
    if (row !== null && column !== null) {
      return this.input[channel * this.inPlane + row * this.x.size + column]!;
    }
    return this.settings.kind === "max_pool" ? null : 0;
  }

  weightAt(output: number, input: number, y: number, x: number): number {
    if (this.weight.length === 0) return 1;
    const [inside, outside] = [input - this.firstInput(output), output % this.groupOutputs];
    const pair =
      this.settings.kind === "conv_transpose"
        ? input * this.groupOutputs + outside
        : output * this.groupInputs + inside;
    return this.weight[pair * this.#kernel + y * this.x.kernel + x]!;
  }

  /** What an output is made of, for one input channel. */
  terms(output: number, input: number, y: number, x: number): Term[] {
    const [rows, columns] = [this.y.window(y), this.x.window(x)];
    return rows.flatMap((row) =>
      columns.map((column) => ({
        channel: input,
        y: row,
        x: column,
        value: this.inputAt(input, row.at, column.at) ?? -Infinity,
        weight: this.weightAt(output, input, row.kernel, column.kernel),
      })),
    );
  }

  /** What an average pool divides the sum of a window by. */
  divisor(y: number, x: number): number {
    const { divisor_override, count_include_pad } = this.settings;
    if (divisor_override !== null) return divisor_override;
    const counted = (axis: Axis, output: number) =>
      axis
        .window(output)
        .filter(({ at }) =>
          count_include_pad ? axis.role(at) !== "outside" : axis.role(at) === "input",
        ).length;
    return counted(this.y, y) * counted(this.x, x);
  }

  biasOf(channel: number): number {
    return this.bias[channel] ?? 0;
  }

  /** One channel of what torch computes, row by row. */
  output(channel: number): Float32Array {
    const known = this.#outputs.get(channel);
    if (known !== undefined) return known;
    const plane = this.#compute(channel);
    this.#outputs.set(channel, plane);
    return plane;
  }

  #compute(channel: number): Float32Array {
    const { settings, y, x } = this;
    const plane = new Float32Array(this.outPlane);
    const rows = windows(y);
    const columns = windows(x);
    const inputs = this.inputsOf(channel);
    for (let row = 0; row < rows.length; row++) {
      for (let column = 0; column < columns.length; column++) {
        let sum = settings.kind === "max_pool" ? -Infinity : this.biasOf(channel);
        for (const input of inputs) {
          for (const down of rows[row]!) {
            for (const across of columns[column]!) {
              const place = input * this.inPlane + down.source * x.size + across.source;
              const value = this.input[place]!;
              if (settings.kind === "max_pool") sum = value > sum ? value : sum;
              else sum += value * this.weightAt(channel, input, down.kernel, across.kernel);
            }
          }
        }
        if (settings.kind === "avg_pool") sum /= this.divisor(row, column);
        plane[row * columns.length + column] = sum;
      }
    }
    return plane;
  }
}

/** For each output the taps that hold an input. */
function windows(axis: Axis): { kernel: number; source: number }[][] {
  return Array.from({ length: axis.outputs }, (_, output) =>
    axis.window(output).flatMap(({ kernel, at }) => {
      const source = axis.source(at);
      return source === null ? [] : [{ kernel, source }];
    }),
  );
}

/**
 * One dimension of one layer: which cells of the input each output looks at.
 *
 * A transposed convolution is drawn as the guide draws it: a convolution with stride 1 over an input
 * that is stretched by zeros between its cells and padded, with the kernel turned round. Cells of
 * that input are counted from the first real one, so that padding before it is negative.
 */

import type { PaddingMode, Settings } from "./settings.ts";

export interface Tap {
  /** Which weight, counted as torch stores them. */
  readonly kernel: number;
  /** Which cell of the stretched, padded input. */
  readonly at: number;
}

/** `outside` is behind the padding: where a last window of `ceil_mode` hangs over. */
export type Role = "input" | "padding" | "inserted" | "outside";

export class Axis {
  /** Cells from the first to the last that the kernel touches. */
  readonly span: number;
  readonly outputs: number;
  /** The first and the last cell to be drawn. */
  readonly low: number;
  readonly high: number;
  readonly #windows: Tap[][] = [];

  constructor(
    readonly transposed: boolean,
    readonly size: number,
    readonly kernel: number,
    readonly stride: number,
    readonly dilation: number,
    readonly before: number,
    readonly behind: number,
    readonly outputPadding = 0,
    readonly ceilMode = false,
    readonly mode: PaddingMode = "zeros",
  ) {
    this.span = dilation * (kernel - 1) + 1;
    this.outputs = this.#countOutputs();
    const last = this.start(this.outputs - 1) + this.span - 1;
    this.low = Math.min(0, this.start(0));
    this.high = transposed
      ? Math.max((size - 1) * stride, last)
      : Math.max(size - 1 + behind, last);
  }

  /** Cells at the far end that no window comes to, because the stride does not divide. */
  get leftOver(): number {
    if (this.transposed) return 0;
    const used = (this.outputs - 1) * this.stride + this.span;
    return Math.max(0, this.size + this.before + this.behind - used);
  }

  /** Whether a last window of `ceil_mode` is left out: it would begin in the padding behind. */
  get dropped(): boolean {
    const { size, stride, before, behind, span, ceilMode } = this;
    if (this.transposed || !ceilMode) return false;
    return Math.ceil((size + before + behind - span) / stride) * stride >= size + before;
  }

  /** Where the window of an output begins. */
  start(output: number): number {
    if (this.transposed) return output - (this.span - 1 - this.before);
    return output * this.stride - this.before;
  }

  /** The cells of an output's window, kept: a stack asks for thousands with each move. */
  window(output: number): readonly Tap[] {
    return (this.#windows[output] ??= this.#lookUp(output));
  }

  #lookUp(output: number): Tap[] {
    const start = this.start(output);
    return Array.from({ length: this.kernel }, (_, place) => ({
      kernel: this.transposed ? this.kernel - 1 - place : place,
      at: start + place * this.dilation,
    }));
  }

  role(at: number): Role {
    const step = this.transposed ? this.stride : 1;
    if (at < 0) return "padding";
    if (at > (this.size - 1) * step) {
      return !this.transposed && at >= this.size + this.behind ? "outside" : "padding";
    }
    return at % step === 0 ? "input" : "inserted";
  }

  /** Which input a cell holds; null where it holds zero, or nothing. */
  source(at: number): number | null {
    const role = this.role(at);
    if (role === "input") return this.transposed ? at / this.stride : at;
    if (role !== "padding" || this.transposed) return null;
    switch (this.mode) {
      case "zeros":
        return null;
      case "replicate":
        return Math.max(0, Math.min(this.size - 1, at));
      case "circular":
        return (at + this.size) % this.size;
      case "reflect":
        return at < 0 ? -at : 2 * (this.size - 1) - at;
    }
  }

  #countOutputs(): number {
    const { size, stride, before, behind, span } = this;
    if (this.transposed) return (size - 1) * stride + span + this.outputPadding - before - behind;
    const room = size + before + behind - span;
    if (!this.ceilMode) return Math.floor(room / stride) + 1;
    return Math.ceil(room / stride) + (this.dropped ? 0 : 1);
  }
}

/** The dimensions of each layer of a setting, the first layer first. */
export function layerAxes(settings: Settings): Axis[][] {
  const found: Axis[][] = [];
  let sizes = settings.input_size;
  for (let layer = 0; layer < settings.layers; layer++) {
    const axes = sizes.map((size, dim) => axisOf(settings, dim, size, layer));
    found.push(axes);
    sizes = axes.map((axis) => axis.outputs);
  }
  return found;
}

function axisOf(settings: Settings, dim: number, size: number, layer: number): Axis {
  const kernel = settings.kernel_size[dim]!;
  const dilation = settings.dilation[dim]! * 2 ** layer;
  const [before, behind] = padding(settings, dim, dilation * (kernel - 1));
  return new Axis(
    settings.kind === "conv_transpose",
    size,
    kernel,
    settings.stride[dim]!,
    dilation,
    before,
    behind,
    settings.output_padding[dim],
    settings.ceil_mode,
    settings.padding_mode,
  );
}

function padding(
  { padding: given }: Settings,
  dim: number,
  reach: number,
): [before: number, behind: number] {
  if (given === "valid") return [0, 0];
  if (given === "same") return [Math.floor(reach / 2), Math.ceil(reach / 2)];
  if (given === "causal") return [reach, 0];
  return [given[dim]!, given[dim]!];
}

/** How many inputs, padding among them, one output of all layers reaches back to. */
export function receptiveField({ layers, stride, dilation, kernel_size }: Settings): number[] {
  return kernel_size.map((kernel, dim) => {
    let reach = 1;
    for (let layer = 0; layer < layers; layer++) {
      reach += stride[dim]! ** layer * dilation[dim]! * 2 ** layer * (kernel - 1);
    }
    return reach;
  });
}

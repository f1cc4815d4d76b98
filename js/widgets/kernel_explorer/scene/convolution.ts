/**
 * The convolution itself, as fast as plain loops go.
 *
 * Kernels and images are float32 and so is the result, as in torch; it is added up in float64, in
 * which order and small edits leave no trace. So an edit of a few cells only adds what they change.
 */

import type { Channels, Geometry } from "../kernel/filter.ts";
import { makePlanes, type Planes } from "../image/planes.ts";

/** Kernels as rows of numbers: [n][k][k]. */
export type Kernels = readonly (readonly (readonly number[])[])[];

export interface Task {
  /** As `pad` made it, in grey where that is asked for. */
  readonly padded: Planes;
  readonly geometry: Geometry;
  readonly channels: Channels;
  readonly stride: number;
  readonly dilation: number;
}

/** Rounding in float64 is far below float32's, but not for ever. */
const MOST_EDITS = 1000;

export class Convolution {
  #task: Task | null = null;
  #weights: Float64Array[] = [];
  #sums = new Float64Array(0);
  #output: Planes = makePlanes(0, 0, 0);
  #edits = 0;

  /** The output without the bias is kept, and the result is the caller's until the next call. */
  run(task: Task, kernels: Kernels, bias: number): Planes {
    const { padded, geometry, channels } = task;
    const count = channels === "grey" ? 1 : padded.channels;
    const weights = Array.from({ length: count }, (_, plane) =>
      Float64Array.from((kernels[plane] ?? kernels[0]!).flat(), Math.fround),
    );
    if (!this.#edit(task, weights)) this.#renew(task, weights);
    this.#task = task;
    this.#weights = weights;
    const outputs = channels === "each" ? count : 1;
    const { rows, columns } = geometry;
    if (
      this.#output.channels !== outputs ||
      this.#output.height !== rows ||
      this.#output.width !== columns
    ) {
      this.#output = makePlanes(outputs, rows, columns);
    }
    const { values } = this.#output;
    const sums = this.#sums;
    const added = Math.fround(bias);
    for (let i = 0; i < values.length; i++) values[i] = sums[i]! + added;
    return { ...this.#output };
  }

  /** Add what the changed cells change, if they are few. */
  #edit(task: Task, weights: readonly Float64Array[]): boolean {
    const before = this.#weights;
    if (this.#task !== task || before.length !== weights.length) return false;
    if (before[0]!.length !== weights[0]!.length || this.#edits >= MOST_EDITS) return false;
    const changes = weights.map((plane, i) => plane.map((weight, j) => weight - before[i]![j]!));
    const changed = changes.reduce((sum, plane) => sum + plane.filter((x) => x !== 0).length, 0);
    const full = weights.reduce((sum, plane) => sum + plane.filter((x) => x !== 0).length, 0);
    if (2 * changed > full) return false;
    this.#edits++;
    changes.forEach((plane, i) => this.#add(task, plane, i));
    return true;
  }

  #renew(task: Task, weights: readonly Float64Array[]): void {
    const { rows, columns } = task.geometry;
    const length = rows * columns * (task.channels === "each" ? weights.length : 1);
    if (this.#sums.length === length) this.#sums.fill(0);
    else this.#sums = new Float64Array(length);
    this.#edits = 0;
    weights.forEach((plane, i) => this.#add(task, plane, i));
  }

  /** Add one plane under one kernel to the sums. */
  #add(
    { padded, geometry, channels, stride, dilation }: Task,
    kernel: Float64Array,
    plane: number,
  ) {
    const size = Math.sqrt(kernel.length);
    const used = [...kernel.keys()].filter((cell) => kernel[cell] !== 0);
    const weights = Float64Array.from(used, (cell) => kernel[cell]!);
    const { rows, columns } = geometry;
    const first = plane * padded.height * padded.width;
    const places = Int32Array.from(used, (cell) => {
      const [row, column] = [Math.floor(cell / size), cell % size];
      return first + dilation * (row * padded.width + column);
    });
    const target = channels === "each" ? plane * rows * columns : 0;
    for (let y = 0; y < rows; y++) {
      const shift = y * stride * padded.width;
      addRow(
        this.#sums,
        target + y * columns,
        columns,
        padded.values,
        shift,
        stride,
        weights,
        places,
      );
    }
  }
}

/** Four cells of the kernel at a time: a sum is loaded and stored once for all of them. */
function addRow(
  sums: Float64Array,
  start: number,
  columns: number,
  values: Float32Array,
  shift: number,
  stride: number,
  weights: Float64Array,
  places: Int32Array,
): void {
  const end = start + columns;
  let i = 0;
  for (; i + 4 <= weights.length; i += 4) {
    const [w0, w1] = [weights[i]!, weights[i + 1]!];
    const [w2, w3] = [weights[i + 2]!, weights[i + 3]!];
    let a = places[i]! + shift;
    let b = places[i + 1]! + shift;
    let c = places[i + 2]! + shift;
    let d = places[i + 3]! + shift;
    for (let x = start; x < end; x++) {
      sums[x]! += w0 * values[a]! + w1 * values[b]! + w2 * values[c]! + w3 * values[d]!;
      a += stride;
      b += stride;
      c += stride;
      d += stride;
    }
  }
  for (; i < weights.length; i++) {
    const weight = weights[i]!;
    let a = places[i]! + shift;
    for (let x = start; x < end; x++) {
      sums[x]! += weight * values[a]!;
      a += stride;
    }
  }
}

/** Whole numbers for layers without weights of their own, the same as `convolution_layer` in Python. */

import { count, type Settings, type Sizes, weightShape } from "./settings.ts";

/** The input of figures 1.1 and 1.2 of the guide, and its kernel. */
const INPUT = [3, 3, 2, 1, 0, 0, 0, 1, 3, 1, 3, 1, 2, 2, 3, 2, 0, 0, 2, 2, 2, 0, 0, 0, 1];
const KERNELS = [
  [0, 1, 2, 2, 2, 0, 0, 1, 2],
  [1, 0, -1, 2, 0, -2, 1, 0, -1],
  [1, 2, 1, 0, 0, 0, -1, -2, -1],
  [0, -1, 0, -1, 4, -1, 0, -1, 0],
];
const KERNEL_1D = [1, 2, -1];

export function exampleInput({ in_channels, input_size }: Settings): Float32Array {
  return repeated(INPUT, [in_channels, ...input_size]);
}

export function exampleWeight(settings: Settings, layer: number): Float32Array {
  const [first = 0, second = 0, ...kernel] = weightShape(settings);
  const size = count(kernel);
  const weight = new Float32Array(first * second * size);
  for (let pair = 0; pair < first * second; pair++) {
    const turn = Math.floor(pair / second) + (pair % second) + layer;
    const start = turn % KERNEL_1D.length;
    const values =
      kernel.length === 1
        ? [...KERNEL_1D.slice(start), ...KERNEL_1D.slice(0, start)]
        : KERNELS[turn % KERNELS.length]!;
    weight.set(repeated(values, kernel), pair * size);
  }
  return weight;
}

export function exampleBias({ out_channels }: Settings): Float32Array {
  return Float32Array.from(
    { length: out_channels },
    (_, place) => (Math.floor(place / 2) + 1) * (1 - 2 * (place % 2)),
  );
}

function repeated(values: readonly number[], shape: Sizes): Float32Array {
  return Float32Array.from({ length: count(shape) }, (_, place) => values[place % values.length]!);
}

/** An image as torch holds it: one plane of float32 numbers after the other. */

export interface Planes {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly values: Float32Array;
}

export function makePlanes(channels: number, height: number, width: number): Planes {
  return { channels, height, width, values: new Float32Array(channels * height * width) };
}

export function at({ height, width, values }: Planes, plane: number, y: number, x: number): number {
  return values[(plane * height + y) * width + x] ?? NaN;
}

const LUMA = [0.299, 0.587, 0.114].map(Math.fround);

/** In grey: how bright its colours look, or the mean of channels that are not colours. */
export function inGrey(image: Planes): Planes {
  const { channels, height, width, values } = image;
  if (channels === 1) return image;
  const shares =
    channels === LUMA.length ? LUMA : new Array<number>(channels).fill(Math.fround(1 / channels));
  const grey = makePlanes(1, height, width);
  const size = height * width;
  for (let i = 0; i < size; i++) {
    let sum = 0;
    for (let plane = 0; plane < channels; plane++)
      sum += shares[plane]! * values[plane * size + i]!;
    grey.values[i] = sum;
  }
  return grey;
}

/** The interval that black and white stand for: 0 to 1 or 0 to 255 if the values keep to it. */
export function rangeOf(values: Float32Array): readonly [low: number, high: number] {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low > high) return [0, 1];
  if (low >= 0 && high <= 1) return [0, 1];
  if (low >= 0 && high <= 255) return [0, 255];
  return low === high ? [low - 0.5, high + 0.5] : [low, high];
}

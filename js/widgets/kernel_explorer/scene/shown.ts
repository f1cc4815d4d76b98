/** Which planes of numbers are drawn, and between which values. */

import type { Picture } from "../../../draw/pixels.ts";
import type { Planes } from "../image/planes.ts";
import type { Scene } from "./scene.ts";
import type { Display } from "../settings.ts";

const COLORS = 3;

function planesOf({ channels, height, width, values }: Planes, plane: number): Float32Array[] {
  const size = height * width;
  const one = (i: number) => values.subarray(i * size, (i + 1) * size);
  return channels === COLORS ? [0, 1, 2].map(one) : [one(Math.min(plane, channels - 1))];
}

export function inputPicture(
  image: Planes,
  plane: number,
  [low, high]: readonly [number, number] = [0, 1],
): Picture {
  const { height, width } = image;
  return { height, width, planes: planesOf(image, plane), low, high, signed: false };
}

export function outputPicture(
  { output, range, filter }: Scene,
  plane: number,
  display: Display,
): Picture {
  const { height, width, values } = output;
  if (display === "clipped") {
    return {
      height,
      width,
      planes: planesOf(output, plane),
      low: range[0],
      high: range[1],
      signed: false,
    };
  }
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (display === "stretched") {
    return { height, width, planes: planesOf(output, plane), low, high, signed: false };
  }
  const shown = filter.channels === "each" ? Math.min(plane, output.channels - 1) : 0;
  const size = height * width;
  const planes = [values.subarray(shown * size, (shown + 1) * size)];
  return { height, width, planes, low, high, signed: true };
}

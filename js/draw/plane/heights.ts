/** Colours of heights, quiet enough for trails over them: low is bright on a light page, dark on a dark one. */

import type { Rgb } from "../color.ts";

const LIGHT: readonly [Rgb, Rgb] = [
  [0xff, 0xff, 0xff],
  [0xa3, 0xb5, 0xc4],
];
const DARK: readonly [Rgb, Rgb] = [
  [0x14, 0x18, 0x1b],
  [0x4d, 0x60, 0x70],
];

/**
 * What colours a value by the levels, which rise, between which it lies.
 *
 * So the colour is as even as the contours; it is nothing for what is not a number.
 */
export function heightColor(levels: readonly number[], dark: boolean): (value: number) => number {
  const [low, high] = dark ? DARK : LIGHT;
  return (value) => {
    if (Number.isNaN(value)) return 0;
    const share = heightShare(levels, value);
    const mix = (i: 0 | 1 | 2) => Math.round(low[i] + share * (high[i] - low[i]));
    return ((255 << 24) | (mix(2) << 16) | (mix(1) << 8) | mix(0)) >>> 0;
  };
}

/** From 0 at the first level and below to 1 at the last and above. */
export function heightShare(levels: readonly number[], value: number): number {
  const last = levels.length - 1;
  const above = levels.findIndex((level) => value < level);
  if (above === 0 || last < 1) return 0;
  if (above < 0) return 1;
  const [from, to] = [levels[above - 1]!, levels[above]!];
  return (above - 1 + (value - from) / (to - from)) / last;
}

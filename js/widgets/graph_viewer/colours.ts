/** What colours tell: shares of time, memory and weights, or how large numbers are while it learns. */

import { signedRgb } from "../../draw/color.ts";
import type { Drawn } from "./drawn.ts";
import type { Live } from "./message.ts";

export const METRICS = [
  "nothing",
  "time",
  "memory",
  "parameters",
  "macs",
  "activations",
  "gradients",
] as const;
export type Metric = (typeof METRICS)[number];

export const NAN = "rgb(198,40,40)";
/** Decades to either side of the middle that still differ in colour. */
const DECADES = 3;

export function isLive(metric: Metric): metric is "activations" | "gradients" {
  return metric === "activations" || metric === "gradients";
}

/** What a metric says of an item; null where that is not known, or means nothing. */
export function valueOf(
  drawn: Drawn,
  metric: Metric,
  item: number,
  live: Live | null,
): number | null {
  const group = drawn.group(item);
  const { nodes } = drawn.info;
  switch (metric) {
    case "nothing":
      return null;
    case "time":
      return group !== null ? group.seconds : (nodes.seconds[item] ?? null);
    case "memory":
      return group !== null ? group.bytes : (nodes.bytes[item] ?? null);
    case "parameters":
      return group !== null ? group.parameters : (nodes.parameters[item] ?? null);
    case "macs":
      return group !== null ? group.macs : (nodes.macs[item] ?? null);
    default: {
      const values = metric === "activations" ? live?.rms : live?.grad;
      const value = values?.[drawn.output(item)];
      return value === undefined || Number.isNaN(value) ? null : value;
    }
  }
}

/** From values to colours. */
export interface Scale {
  readonly metric: Metric;
  /** What stands for the lightest colour, the middle and the strongest; log₁₀ where it is live. */
  readonly low: number;
  readonly middle: number;
  readonly high: number;
  readonly fill: (value: number) => string;
}

/**
 * Shares have one colour that grows stronger up to the largest that is shown. Sizes of numbers have
 * two: blue is larger than usual, orange smaller. Usual is 1 for activations, and for gradients the
 * median of the network.
 */
export function scaleOf(
  drawn: Drawn,
  metric: Metric,
  shown: Iterable<number>,
  live: Live | null,
  dark: boolean,
): Scale | null {
  if (metric === "nothing") return null;
  const values: number[] = [];
  for (const item of shown) {
    const value = valueOf(drawn, metric, item, live);
    if (value !== null && Number.isFinite(value)) values.push(value);
  }
  if (isLive(metric)) {
    values.sort((a, b) => a - b);
    const middle = metric === "activations" ? 0 : Math.round(values[values.length >> 1] ?? 0);
    const fill = (value: number) => css(signedRgb((value - middle) / DECADES));
    return { metric, low: middle - DECADES, middle, high: middle + DECADES, fill };
  }
  const high = Math.max(...values, 0);
  const fill = (value: number) => share(high > 0 ? value / high : 0, dark);
  return { metric, low: 0, middle: high / 2, high, fill };
}

/** The strength of blue for a share of the largest. */
export function share(part: number, dark: boolean): string {
  const paper = dark ? [38, 41, 43] : [246, 248, 250];
  const strong = dark ? [79, 172, 240] : [8, 119, 189];
  const amount = Math.max(0, Math.min(1, part)) ** 0.6;
  return css(paper.map((from, i) => Math.round(from + (strong[i]! - from) * amount)));
}

/** Bits of `Live.flags`: NaN and ∞ of numbers, and of gradients. */
const FORWARD = 1 | 2;
const BACKWARD = 4 | 8;

/** The items in which a number is not finite, or a gradient where these are looked at. */
export function brokenIn(
  { info, groups }: Drawn,
  live: Live | null,
  metric: Metric,
): ReadonlySet<number> {
  const looked = metric === "gradients" ? BACKWARD : FORWARD;
  const broken = new Set<number>();
  live?.flags.forEach((flags, node) => {
    const drawn = info.same[node];
    if (drawn === undefined || (flags & looked) === 0) return;
    broken.add(drawn);
    for (const group of groups.above(drawn)) broken.add(group);
  });
  return broken;
}

function css(channels: readonly number[]): string {
  return `rgb(${channels.join(",")})`;
}

/** A colour as a thin line has it: darker, or lighter in the dark, so that it is seen. */
export function asLine(fill: string, dark: boolean): string {
  const channels = (fill.match(/\d+/g) ?? []).map(Number);
  const towards = dark ? 255 : 40;
  return css(channels.map((value) => Math.round(value + (towards - value) * 0.35)));
}

/** Black or white, whichever is read better on a colour. */
export function inkOn(fill: string): string {
  const [red = 0, green = 0, blue = 0] = (fill.match(/\d+/g) ?? []).map(Number);
  const light = (value: number) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  };
  const luminance = 0.2126 * light(red) + 0.7152 * light(green) + 0.0722 * light(blue);
  return luminance > 0.22 ? "#1a1a1a" : "#fff";
}

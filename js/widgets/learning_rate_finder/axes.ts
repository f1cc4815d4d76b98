/** Where rates and losses stand in the plot, and the ticks beside them. */

import type { RangeTest } from "./range_test.ts";

export interface Tick {
  readonly value: number;
  readonly text: string;
}

/** A scale from values to pixels and back. */
export interface Scale {
  readonly low: number;
  readonly high: number;
  readonly place: (value: number) => number;
  readonly value: (place: number) => number;
  readonly ticks: readonly Tick[];
}

const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";
/** Room that a tick's text needs, in pixels. */
const WIDE = 44;
const TALL = 44;

/** A rate with three digits: 0.0123, 1.23e−6. */
export function formatRate(rate: number): string {
  const size = Math.abs(rate);
  if (size !== 0 && (size < 1e-4 || size >= 1e5)) {
    return rate
      .toExponential(2)
      .replace(/\.?0+e/, "e")
      .replace("-", "−")
      .replace("+", "");
  }
  return String(Number(rate.toPrecision(3)));
}

/** 10⁻⁷ for what would be long, 0.01 for what is not. */
export function formatPower(exponent: number): string {
  if (exponent >= -3 && exponent <= 4) return String(Number(`1e${exponent}`));
  const digits = Array.from(String(Math.abs(exponent)), (digit) => SUPERSCRIPTS[Number(digit)]);
  return `10${exponent < 0 ? "⁻" : ""}${digits.join("")}`;
}

export function rateScale(test: RangeTest, left: number, right: number): Scale {
  const low = test.rates[0] ?? 1e-7;
  const high = test.rates.at(-1) ?? 10;
  const most = Math.max(2, Math.floor((right - left) / WIDE));
  if (test.scale === "linear") {
    return { ...linear(low, high, left, right), ticks: roundTicks(low, high, most) };
  }
  const { place, value } = linear(Math.log10(low), Math.log10(high), left, right);
  return {
    low,
    high,
    place: (rate) => place(Math.log10(rate)),
    value: (x) => 10 ** value(x),
    ticks: powerTicks(low, high, most),
  };
}

/**
 * The losses that are worth seeing: all up to some way above where the smoothed loss began.
 *
 * A loss that has taken off says only that it has; drawn in full it would flatten the rest.
 */
export function lossScale(test: RangeTest, bottom: number, top: number): Scale {
  const [least, most] = extent(test);
  const room = (most - least || Math.abs(most) || 1) * 0.05;
  const low = least >= 0 ? Math.max(0, least - room) : least - room;
  const high = most + room;
  const count = Math.max(2, Math.floor((bottom - top) / TALL));
  return { ...linear(low, high, bottom, top), ticks: roundTicks(low, high, count) };
}

function extent({ losses, smoothed }: RangeTest): [least: number, most: number] {
  if (losses.length === 0) return [0, 1];
  let least = Infinity;
  let most = -Infinity;
  let start = -Infinity;
  let lowest = Infinity;
  for (const [i, loss] of losses.entries()) {
    const average = smoothed[i]!;
    least = Math.min(least, loss, average);
    most = Math.max(most, loss, average);
    start = Math.max(start, i < losses.length / 2 ? average : -Infinity);
    lowest = Math.min(lowest, average);
  }
  const fall = Math.max(start - lowest, Math.abs(lowest) * 0.2);
  return [least, Math.min(most, start + 0.6 * fall)];
}

function linear(low: number, high: number, start: number, end: number) {
  const span = high - low || 1;
  return {
    low,
    high,
    place: (value: number) => start + ((value - low) / span) * (end - start),
    value: (place: number) => low + ((place - start) / (end - start)) * span,
  };
}

/** Powers of ten, or where those are fewer than three also 2 and 5 times such. */
function powerTicks(low: number, high: number, most: number): Tick[] {
  const first = Math.ceil(Math.log10(low) - 1e-6);
  const last = Math.floor(Math.log10(high) + 1e-6);
  if (last - first >= 2) {
    const stride = Math.ceil((last - first + 1) / most);
    const ticks: Tick[] = [];
    for (let exponent = last; exponent >= first; exponent -= stride) {
      ticks.unshift({ value: 10 ** exponent, text: formatPower(exponent) });
    }
    return ticks;
  }
  const ticks: Tick[] = [];
  for (let exponent = first - 1; exponent <= last; exponent++) {
    for (const times of [1, 2, 5]) {
      const value = Number(`${times}e${exponent}`);
      if (value >= low * 0.999 && value <= high * 1.001) {
        ticks.push({ value, text: formatRate(value) });
      }
    }
  }
  return ticks.length >= 2 ? ticks : roundTicks(low, high, most);
}

function roundTicks(low: number, high: number, most: number): Tick[] {
  const raw = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((times) => times * power).find((size) => size >= raw) ?? raw;
  const ticks: Tick[] = [];
  for (let n = Math.ceil(low / step - 1e-6); n * step <= high * (1 + 1e-9); n++) {
    const value = Number((n * step).toPrecision(12));
    const text = formatRate(value);
    // In a short range of large numbers three digits tell few apart.
    if (ticks.at(-1)?.text !== text) ticks.push({ value, text });
  }
  return ticks;
}

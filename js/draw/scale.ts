/** An axis' scale: from values to pixels and back, and where its ticks stand. */

import { scaleLinear, type ScaleLinear, scaleLog, type ScaleLogarithmic } from "d3-scale";

/** From `low` to `high`, which are numbers and not alike; both positive where it is logarithmic. */
export interface Range {
  readonly low: number;
  readonly high: number;
}

/** A span of pixels; y-axes run from the bottom up. */
export interface Pixels {
  readonly from: number;
  readonly to: number;
}

/** How far outside ±∞ is drawn, and what a logarithm lacks: clipped, but a line leads there. */
const OUTSIDE = 8;
/** How far outside numbers are drawn: a canvas takes no place that is larger than it can count. */
const FAR = 5000;

export class Scale {
  readonly #scale: ScaleLinear<number, number, number> | ScaleLogarithmic<number, number, number>;

  constructor(
    readonly range: Range,
    readonly log: boolean,
    readonly pixels: Pixels,
  ) {
    this.#scale = (log ? scaleLog<number, number, number>() : scaleLinear<number, number, number>())
      .domain([range.low, range.high])
      .range([pixels.from, pixels.to])
      .unknown(NaN);
  }

  /** The pixel of a value; NaN for NaN. */
  readonly place = (value: number): number => {
    const { from, to } = this.pixels;
    const side = Math.sign(to - from);
    if (value === Infinity) return to + side * OUTSIDE;
    if (value === -Infinity || (this.log && value <= 0)) return from - side * OUTSIDE;
    const place = this.#scale(value);
    const [least, most] = side < 0 ? [to, from] : [from, to];
    // Comparisons let NaN through.
    return place < least - FAR ? least - FAR : place > most + FAR ? most + FAR : place;
  };

  /** The value at a pixel. */
  valueAt(pixel: number): number {
    return this.#scale.invert(pixel);
  }
}

export interface TickOptions extends Range {
  /** At most about so many. */
  readonly count: number;
  readonly log: boolean;
  /** Whole numbers only; or seconds, with steps of minutes and hours where they are that long. */
  readonly unit?: "whole" | "seconds" | "any";
}

const CLOCK = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200];

export function ticks({ low, high, count, log, unit = "any" }: TickOptions): number[] {
  if (!(high > low) || !(count > 0)) return [];
  // Within an order of magnitude a logarithmic axis is read like any other.
  if (log && low > 0 && high / low >= 8) return logTicks(low, high, count);
  const step = unit === "seconds" ? clockStep((high - low) / count) : null;
  if (step !== null) {
    const first = Math.ceil(low / step);
    return Array.from(
      { length: Math.floor(high / step) - first + 1 },
      (_, i) => step * (first + i),
    );
  }
  // d3 takes the step that is nearest, up to √2 times as many.
  const places = scaleLinear([low, high], []).ticks(count / Math.SQRT2);
  return unit === "whole" ? places.filter(Number.isInteger) : places;
}

/** Powers of ten; where there is room also 3, or 2 and 5 times such. */
function logTicks(low: number, high: number, count: number): number[] {
  const decades = Math.log10(high / low);
  // With as many as there are decades or fewer, d3 leaves out decades, else it has all digits.
  const places = scaleLog([low, high], []).ticks(Math.max(1, count));
  const digits = decades > count / 2 ? [1] : decades > count / 5 ? [1, 3] : [1, 2, 5];
  return places.filter((place) => digits.includes(Number(place.toExponential(0)[0])));
}

function clockStep(rough: number): number | null {
  return rough < 1 ? null : (CLOCK.find((seconds) => seconds >= rough) ?? null);
}

/** The range widened to round numbers; on a linear scale from 0 if that costs little room. */
export function roundRange(low: number, high: number, log: boolean): Range {
  if (log) {
    if (!(high > low * 1.0001)) return { low: low / 2, high: high * 2 };
    return { low: toDigits(low, Math.floor), high: toDigits(high, Math.ceil) };
  }
  const bottom = low > 0 && low < 0.4 * high ? 0 : low;
  if (!(high > bottom)) {
    const room = Math.abs(high) * 0.1 || 1;
    return { low: bottom - room, high: high + room };
  }
  const [from, to] = scaleLinear([bottom, high], []).nice(8).domain() as [number, number];
  return { low: from, high: to };
}

/** To two significant digits: whole decades would leave much of the axis empty. */
function toDigits(value: number, to: (digits: number) => number): number {
  const unit = 10 ** (Math.floor(Math.log10(value)) - 1);
  return Number((to(Number((value / unit).toPrecision(12))) * unit).toPrecision(2));
}

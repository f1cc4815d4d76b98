/** Curves on a canvas, in CSS pixels: a band from the smallest to the largest value, a line, signs. */

import { area, curveLinear, curveStepAfter, line } from "d3-shape";

import type { Scale } from "./scale.ts";

export interface CurvePoints {
  readonly x: Float64Array;
  /** Smallest and largest value of each stretch; equal where a point is a single value. */
  readonly low: Float32Array;
  readonly high: Float32Array;
  /** The line to draw over the stretches instead of their middle. */
  readonly smooth: Float32Array | null;
  /** Whether each point is a single value. */
  readonly exact: boolean;
}

export type Marker = "circle" | "square" | "diamond" | "triangle";

export interface CurveLook {
  readonly color: string;
  readonly dash: readonly number[];
  /** 0 draws its single values alone, all of them. */
  readonly width: number;
  /** Beside the colour what tells its single values apart, where there is room; null for none. */
  readonly marker: Marker | null;
}

export interface Curve {
  readonly points: CurvePoints;
  readonly look: CurveLook;
  /** The key of its y-axis. */
  readonly axis: string;
  /** Holds each value until the next, and the last up to this place. */
  readonly heldUntil?: number | null;
  /** Gets a star. */
  readonly best?: { readonly x: number; readonly y: number } | null;
}

const BAND_ALPHA = 0.22;
const RAW_ALPHA = 0.38;
const MARKER_SPACE = 9;
/** The size of a marker that no line leads to. */
const LONE = 2.75;

/** Single values; with `high`, the band from `low` to `high`; with `smooth`, a line over them. */
export function curvePoints(
  x: ArrayLike<number>,
  low: ArrayLike<number>,
  high?: ArrayLike<number>,
  smooth?: ArrayLike<number>,
): CurvePoints {
  const lowest = Float32Array.from(low);
  return {
    x: Float64Array.from(x),
    low: lowest,
    high: high === undefined ? lowest : Float32Array.from(high),
    smooth: smooth === undefined ? null : Float32Array.from(smooth),
    exact: high === undefined,
  };
}

/** The value that a line shows of a stretch. */
export function middle(low: number, high: number): number {
  if (low === high) return low;
  if (!Number.isFinite(high)) return low;
  return Number.isFinite(low) ? (low + high) / 2 : high;
}

/** The value that is read of a curve at one of its points. */
export function shownValue({ low, high, smooth }: CurvePoints, index: number): number {
  return smooth?.[index] ?? middle(low[index]!, high[index]!);
}

/** The place of the point nearest to a value of x, which rises; −1 where there is none. */
export function nearest(x: ArrayLike<number>, value: number): number {
  let low = 0;
  let high = x.length - 1;
  if (high < 0) return -1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (x[middle]! <= value) low = middle;
    else high = middle;
  }
  return Math.abs(x[high]! - value) < Math.abs(x[low]! - value) ? high : low;
}

export function drawCurve(
  context: CanvasRenderingContext2D,
  { points, look, heldUntil = null }: Curve,
  x: Scale,
  y: Scale,
): void {
  const { low, high, smooth, exact } = points;
  const thin = smooth !== null;
  const places = points.x.map(x.place);
  const across = (_: unknown, i: number) => places[i]!;
  const stroke = (value: (i: number) => number) => {
    const known = (_: unknown, i: number) => !Number.isNaN(value(i));
    context.beginPath();
    line<number>()
      .defined(known)
      .x(across)
      .y((_, i) => y.place(value(i)))
      .curve(heldUntil === null ? curveLinear : curveStepAfter)
      .context(context)(places);
    const last = points.x.length - 1;
    if (heldUntil !== null && last >= 0 && known(null, last)) {
      context.lineTo(x.place(heldUntil), y.place(value(last)));
    }
    context.stroke();
  };
  context.save();
  context.strokeStyle = look.color;
  context.fillStyle = look.color;
  context.lineJoin = "round";
  if (!exact) {
    context.globalAlpha = thin ? BAND_ALPHA * 0.7 : BAND_ALPHA;
    context.beginPath();
    area<number>()
      .defined((_, i) => !Number.isNaN(low[i]!))
      .x(across)
      .y0((_, i) => y.place(low[i]!))
      .y1((_, i) => y.place(high[i]!))
      .context(context)(places);
    context.fill();
  }
  context.globalAlpha = thin ? RAW_ALPHA : 1;
  context.lineWidth = thin ? 1 : look.width;
  if (!thin) context.setLineDash([...look.dash]);
  if (look.width > 0) stroke((i) => middle(low[i]!, high[i]!));
  if (thin) {
    context.globalAlpha = 1;
    context.lineWidth = look.width + 0.25;
    context.setLineDash([...look.dash]);
    stroke((i) => smooth[i]!);
  }
  context.setLineDash([]);
  context.globalAlpha = 1;
  if (exact && look.marker !== null) markers(context, points, look.marker, look.width, x, y);
  strays(context, points, x, y);
  context.restore();
}

/** A star at the best value, to be drawn over all curves. */
export function drawBest(
  context: CanvasRenderingContext2D,
  { look, best = null }: Curve,
  background: string,
  x: Scale,
  y: Scale,
): void {
  if (best === null) return;
  const [across, up] = [x.place(best.x), y.place(best.y)];
  if (!(across >= x.pixels.from - 1 && across <= x.pixels.to + 1 && Number.isFinite(up))) return;
  context.save();
  star(context, across, Math.max(y.pixels.to, Math.min(up, y.pixels.from)), 6.5);
  context.fillStyle = look.color;
  context.strokeStyle = background;
  context.lineWidth = 1.5;
  context.stroke();
  context.fill();
  context.restore();
}

/** A sign at each value where there is room for it, and at a lone value always. */
function markers(
  context: CanvasRenderingContext2D,
  points: CurvePoints,
  marker: Marker,
  width: number,
  x: Scale,
  y: Scale,
): void {
  const { length } = points.x;
  const ends = Math.abs(x.place(points.x[length - 1]!) - x.place(points.x[0]!));
  if (width > 0 && length > 1 && ends / (length - 1) < MARKER_SPACE) return;
  const size = width > 0 ? 1.5 + width / 2 : LONE;
  for (let i = 0; i < length; i++) {
    const up = y.place(points.low[i]!);
    const across = x.place(points.x[i]!);
    const shown = across >= x.pixels.from - size && across <= x.pixels.to + size;
    if (!Number.isFinite(points.low[i]!) || Number.isNaN(up) || !shown) continue;
    sign(context, marker, across, up, size);
    context.fill();
  }
}

/** What has no place on the axis: a cross at the foot for NaN, a triangle at the top for ∞. */
function strays(context: CanvasRenderingContext2D, points: CurvePoints, x: Scale, y: Scale): void {
  const { low, high } = points;
  const size = 4;
  context.lineWidth = 1.5;
  for (let i = 0; i < low.length; i++) {
    const lost = Number.isNaN(low[i]!);
    if (!lost && high[i] !== Infinity) continue;
    const across = x.place(points.x[i]!);
    if (across < x.pixels.from || across > x.pixels.to) continue;
    context.beginPath();
    if (lost) {
      const up = y.pixels.from - size - 1;
      context.moveTo(across - size, up - size);
      context.lineTo(across + size, up + size);
      context.moveTo(across - size, up + size);
      context.lineTo(across + size, up - size);
      context.stroke();
    } else {
      sign(context, "triangle", across, y.pixels.to + size + 1, size);
      context.fill();
    }
  }
}

export function sign(
  context: CanvasRenderingContext2D,
  marker: Marker,
  x: number,
  y: number,
  size: number,
): void {
  context.beginPath();
  if (marker === "circle") {
    context.arc(x, y, size, 0, 2 * Math.PI);
  } else if (marker === "square") {
    context.rect(x - size, y - size, 2 * size, 2 * size);
  } else {
    const top = size * 1.4;
    context.moveTo(x, y - top);
    context.lineTo(x + top, marker === "diamond" ? y : y + size);
    if (marker === "diamond") context.lineTo(x, y + top);
    context.lineTo(x - top, marker === "diamond" ? y : y + size);
    context.closePath();
  }
}

function star(context: CanvasRenderingContext2D, x: number, y: number, size: number): void {
  context.beginPath();
  for (let corner = 0; corner < 10; corner++) {
    const angle = (Math.PI * corner) / 5 - Math.PI / 2;
    const reach = corner % 2 === 0 ? size : size * 0.45;
    const place = [x + reach * Math.cos(angle), y + reach * Math.sin(angle)] as const;
    if (corner === 0) context.moveTo(...place);
    else context.lineTo(...place);
  }
  context.closePath();
}

/** The part of the x-axis that is looked at, and how zooming and panning change it. */

export type ScaleKind = "linear" | "log";

/** What is drawn from left to right. */
export interface Range {
  readonly low: number;
  readonly high: number;
}

/**
 * `all`: everything, however much comes; `following`: the newest stretch, which moves with what
 * comes; `fixed`: what was chosen.
 */
export type Window =
  | { readonly kind: "all" }
  | { readonly kind: "following"; readonly low: number; readonly span: number }
  | ({ readonly kind: "fixed" } & Range);

export const ALL: Window = { kind: "all" };

/** How near to the end counts as the end, as a share of what is shown. */
const NEAR = 1e-3;

/** The range that a window shows of what is recorded. */
export function rangeOf(window: Window, extent: Range, scale: ScaleKind): Range {
  if (window.kind === "fixed") return { low: window.low, high: window.high };
  if (window.kind === "all") return extent;
  if (scale === "log") return { low: Math.min(window.low, extent.high), high: extent.high };
  return { low: Math.max(extent.low, extent.high - window.span), high: extent.high };
}

/** What to ask the kernel for: open ends where more may come. */
export function asked(
  window: Window,
  extent: Range | null,
  scale: ScaleKind,
): { low: number | null; high: number | null } {
  if (window.kind === "all" || extent === null) return { low: null, high: null };
  const { low, high } = rangeOf(window, extent, scale);
  return { low, high: window.kind === "fixed" ? high : null };
}

/** The window that shows this range: all of it, the newest of it, or this and no other. */
export function windowOf({ low, high }: Range, extent: Range, scale: ScaleKind): Window {
  const near = NEAR * (unscaled(high, scale) - unscaled(low, scale));
  const atEnd = unscaled(high, scale) >= unscaled(extent.high, scale) - near;
  const atBeginning = unscaled(low, scale) <= unscaled(extent.low, scale) + near;
  if (atEnd && atBeginning) return ALL;
  if (atEnd) return { kind: "following", low, span: high - low };
  return { kind: "fixed", low, high };
}

/**
 * Show `factor` times as much, with what is at the share `at` of the width staying in its place.
 *
 * Never less than `least` wide (in the axis' own unit), never more than the extent.
 */
export function zoomed(
  range: Range,
  extent: Range,
  factor: number,
  at: number,
  scale: ScaleKind,
  least: number,
): Range {
  const low = unscaled(range.low, scale);
  const high = unscaled(range.high, scale);
  const fixed = low + at * (high - low);
  const next = {
    low: scaled(fixed - at * factor * (high - low), scale),
    high: scaled(fixed + (1 - at) * factor * (high - low), scale),
  };
  return within(widened(next, scaled(fixed, scale), at, least), extent, scale);
}

/** Move by a share of the width: to what is later if positive. */
export function panned(range: Range, extent: Range, share: number, scale: ScaleKind): Range {
  const low = unscaled(range.low, scale);
  const high = unscaled(range.high, scale);
  const room = [unscaled(extent.low, scale) - low, unscaled(extent.high, scale) - high] as const;
  const by = Math.max(room[0], Math.min(share * (high - low), room[1]));
  return { low: scaled(low + by, scale), high: scaled(high + by, scale) };
}

/** The range between two places, each a share of the width, in either order. */
export function between(
  range: Range,
  extent: Range,
  from: number,
  to: number,
  scale: ScaleKind,
  least: number,
): Range {
  const low = placeAt(range, Math.min(from, to), scale);
  const high = placeAt(range, Math.max(from, to), scale);
  return within(widened({ low, high }, (low + high) / 2, 0.5, least), extent, scale);
}

/** The value at a share of the width. */
export function placeAt(range: Range, share: number, scale: ScaleKind): number {
  const low = unscaled(range.low, scale);
  return scaled(low + share * (unscaled(range.high, scale) - low), scale);
}

/** The share of the width at which a value stands. */
export function shareOf(range: Range, value: number, scale: ScaleKind): number {
  const low = unscaled(range.low, scale);
  return (unscaled(value, scale) - low) / (unscaled(range.high, scale) - low || 1);
}

/** A range that can be drawn: with a width, and positive where the scale is logarithmic. */
export function drawable({ low, high }: Range, scale: ScaleKind, least: number): Range {
  if (scale === "log") {
    const bottom = low > 0 ? low : Math.min(least, high > 0 ? high / 10 : 1);
    return { low: bottom, high: high > bottom ? high : bottom * 10 };
  }
  if (high > low) return { low, high };
  // Nothing was recorded before the beginning.
  const from = low >= 0 ? Math.max(0, low - least / 2) : low - least / 2;
  return { low: from, high: from + least };
}

function widened(range: Range, fixed: number, at: number, least: number): Range {
  if (range.high - range.low >= least) return range;
  return { low: fixed - at * least, high: fixed + (1 - at) * least };
}

/** Move into the extent, and cut to it what is wider. */
function within(range: Range, extent: Range, scale: ScaleKind): Range {
  const width = unscaled(range.high, scale) - unscaled(range.low, scale);
  const bottom = unscaled(extent.low, scale);
  const top = unscaled(extent.high, scale);
  if (!(width < top - bottom)) return { low: extent.low, high: extent.high };
  const low = Math.max(bottom, Math.min(unscaled(range.low, scale), top - width));
  return { low: scaled(low, scale), high: scaled(low + width, scale) };
}

function unscaled(value: number, scale: ScaleKind): number {
  return scale === "log" ? Math.log10(Math.max(value, Number.MIN_VALUE)) : value;
}

function scaled(value: number, scale: ScaleKind): number {
  return scale === "log" ? 10 ** value : value;
}

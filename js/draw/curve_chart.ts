/** Curves with x-places of their own over several y-axes. uPlot draws the axes, we the curves. */

import uPlot from "uplot";

import { type CurveLook, type CurvePoints, drawBest, drawCurve, type Projection } from "./curve.ts";
import { roundRange, ticks } from "./ticks.ts";

export interface ChartCurve extends CurveLook {
  readonly points: CurvePoints;
  /** The key of its y-axis. */
  readonly axis: string;
}

export interface YAxis {
  readonly key: string;
  readonly label: string;
  readonly side: "left" | "right";
  readonly log: boolean;
  readonly tick: (value: number) => string;
}

export interface XAxis {
  readonly label: string;
  readonly log: boolean;
  readonly tick: (value: number) => string;
  /** Whole numbers only, or seconds. */
  readonly unit: "whole" | "seconds" | "any";
}

export interface CurveChartStyle {
  readonly font: string;
  readonly text: string;
  readonly grid: string;
  readonly background: string;
}

export interface CurveChartOptions {
  readonly x: XAxis;
  readonly y: readonly YAxis[];
  readonly style: CurveChartStyle;
  readonly width: number;
  readonly height: number;
}

const SIDES = { left: 3, right: 1 } as unknown as Readonly<Record<YAxis["side"], uPlot.Axis.Side>>;

interface Ends {
  readonly low: number;
  readonly high: number;
}

const SIZES = { x: 32, y: 44, yCompact: 36, compact: 480, label: 14, spaceX: 76, spaceY: 30 };
/** Whether there is so little room that the legend has to say which axis is which. */
export function isCompact(width: number): boolean {
  return width < SIZES.compact;
}

const EMPTY: Ends = { low: 0, high: 1 };

export class CurveChart {
  readonly #plot: uPlot;
  readonly #options: CurveChartOptions;
  readonly #ends = new Map<string, Ends>();
  #range: Ends = EMPTY;
  #curves: readonly ChartCurve[] = [];

  constructor(root: HTMLElement, options: CurveChartOptions) {
    this.#options = options;
    this.#plot = new uPlot(this.#plotOptions(), [[]], root);
  }

  /** The element over the plot area; takes the pointer. */
  get area(): HTMLElement {
    return this.#plot.over;
  }

  show(range: Ends, curves: readonly ChartCurve[]): void {
    this.#range = range;
    this.#curves = curves;
    for (const axis of this.#options.y) {
      const own = curves.filter((curve) => curve.axis === axis.key);
      this.#ends.set(axis.key, valueRange(own, range, axis.log));
    }
    this.#plot.setData([[]]);
  }

  resize(width: number, height: number): void {
    if (width !== this.#plot.width || height !== this.#plot.height) {
      this.#plot.setSize({ width, height });
    }
  }

  /** Where a value stands in the plot area, in CSS pixels. */
  place(key: string, value: number): number {
    const axis = this.#options.y.find((one) => one.key === key);
    if (axis === undefined || !Number.isFinite(value) || (axis.log && value <= 0)) return NaN;
    return this.#plot.valToPos(projection(this.#endsOf(axis), axis.log, 0, 1)(value), key);
  }

  destroy(): void {
    this.#plot.destroy();
  }

  #endsOf({ key, log }: YAxis): Ends {
    return this.#ends.get(key) ?? { ...EMPTY, low: log ? 0.1 : 0 };
  }

  #plotOptions(): uPlot.Options {
    const { x, y, style, width, height } = this.#options;
    const scales: Record<string, uPlot.Scale> = {
      x: { time: false, ...distribution(x.log), range: () => both(this.#range) },
    };
    // Shares of its height: uPlot gives up an axis with numbers of more than 17 digits.
    for (const { key } of y) scales[key] = { range: [0, 1] };
    const first = y[0]?.key;
    const compact = isCompact(width);
    return {
      width,
      height,
      scales,
      legend: { show: false },
      cursor: { show: false },
      series: [{}, ...y.map(({ key }) => ({ scale: key, show: false }))],
      padding: [10, y.some(({ side }) => side === "right") ? 4 : 14, 0, 4],
      axes: [
        {
          ...axisStyle(style),
          label: x.label,
          size: SIZES.x - SIZES.label,
          labelSize: SIZES.label,
          labelGap: -1,
          grid: { stroke: style.grid, width: 1 },
          splits: (plot, _, low, high) =>
            ticks({
              low,
              high,
              // Its parts have no size yet when it is drawn first.
              count: (plot.width - SIZES.y * (1 + y.length)) / SIZES.spaceX,
              log: x.log,
              whole: x.unit === "whole",
              time: x.unit === "seconds",
            }),
          values: (_, splits) => splits.map(x.tick),
        },
        ...y.map((axis): uPlot.Axis => {
          const { key, label, side, log, tick } = axis;
          const places = (plot: uPlot) =>
            ticks({
              ...this.#endsOf(axis),
              count: (plot.height - SIZES.x) / SIZES.spaceY,
              log,
            });
          return {
            ...axisStyle(style),
            scale: key,
            side: SIDES[side],
            ...(compact && side === "right" ? {} : { label }),
            size: compact ? SIZES.yCompact : SIZES.y,
            labelSize: SIZES.label,
            labelGap: 2,
            grid: { show: key === first, stroke: style.grid, width: 1 },
            splits: (plot) => places(plot).map(projection(this.#endsOf(axis), log, 0, 1)),
            values: (plot) => places(plot).map(tick),
          };
        }),
      ],
      hooks: { draw: [(plot) => this.#drawCurves(plot)] },
    };
  }

  #drawCurves(plot: uPlot): void {
    const { ctx, bbox } = plot;
    const { left, top, width, height } = bbox;
    const edges = { left, right: left + width, top, bottom: top + height };
    const ratio = ctx.canvas.width / plot.width || 1;
    const x = projection(this.#range, this.#options.x.log, left, left + width);
    const projections = new Map<string, Projection>();
    for (const axis of this.#options.y) {
      const y = projection(this.#endsOf(axis), axis.log, edges.bottom, edges.top);
      projections.set(axis.key, { x, y, ...edges, ratio });
    }
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, top - 2 * ratio, width, height + 4 * ratio);
    ctx.clip();
    for (const curve of this.#curves) {
      const at = projections.get(curve.axis);
      if (at !== undefined) drawCurve(ctx, curve.points, curve, at);
    }
    ctx.restore();
    for (const curve of this.#curves) {
      const at = projections.get(curve.axis);
      if (at !== undefined) drawBest(ctx, curve, this.#options.style.background, at);
    }
  }
}

/** The smallest and largest value of the curves in a range of x, rounded outwards. */
export function valueRange(
  curves: readonly { readonly points: CurvePoints }[],
  range: Ends,
  log: boolean,
): Ends {
  let low = Infinity;
  let high = -Infinity;
  for (const { points } of curves) {
    const { x, smooth } = points;
    for (let i = 0; i < x.length; i++) {
      // A stretch reaches to its neighbours, so those count where lines enter and leave.
      if ((x[i + 1] ?? Infinity) < range.low || (x[i - 1] ?? -Infinity) > range.high) continue;
      for (const value of [points.low[i]!, points.high[i]!, smooth?.[i] ?? NaN]) {
        if (!Number.isFinite(value) || (log && value <= 0)) continue;
        if (value < low) low = value;
        if (value > high) high = value;
      }
    }
  }
  if (low > high) return log ? { low: 0.1, high: 1 } : EMPTY;
  const [bottom, top] = roundRange(low, high, log);
  return { low: bottom, high: top };
}

/** A value's place between two canvas pixels; ±∞, and what a logarithm lacks, just outside. */
function projection(
  { low, high }: Ends,
  log: boolean,
  from: number,
  to: number,
): (value: number) => number {
  const begin = log ? Math.log10(low) : low;
  const factor = (to - from) / ((log ? Math.log10(high) : high) - begin || 1);
  const outside = from - Math.sign(to - from) * 8;
  const beyond = to + Math.sign(to - from) * 8;
  return (value) => {
    if (value === Infinity) return beyond;
    if (value === -Infinity || (log && value <= 0)) return outside;
    return from + ((log ? Math.log10(value) : value) - begin) * factor;
  };
}

function distribution(log: boolean): Pick<uPlot.Scale, "distr" | "log"> {
  // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- uPlot's enum exists in its types only.
  return log ? { distr: 3, log: 10 } : {};
}

function axisStyle(style: CurveChartStyle): uPlot.Axis {
  return {
    stroke: style.text,
    font: style.font,
    labelFont: style.font,
    gap: 4,
    ticks: { show: false },
    // All that the splits say: uPlot would leave out some of a logarithmic axis.
    filter: (_, splits) => splits,
  };
}

function both({ low, high }: Ends): uPlot.Range.MinMax {
  return [low, high];
}

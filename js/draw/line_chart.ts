/** Curves over a whole history with their min–max bands. uPlot draws; nothing else knows it. */

import uPlot from "uplot";

export interface ChartSeries {
  readonly label: string;
  readonly color: string;
  readonly dash?: readonly number[];
}

export interface ChartStyle {
  readonly font: string;
  readonly text: string;
  readonly grid: string;
}

export interface ChartOptions {
  readonly series: readonly ChartSeries[];
  readonly xLabel: string;
  readonly yLabel: string;
  readonly logarithmic: boolean;
  readonly style: ChartStyle;
  readonly width: number;
  readonly height: number;
  /** Told the place in `x` that the pointer is at, or null. */
  readonly onCursor: (index: number | null) => void;
}

/** For each series the line and the band around it, all as long as `x`. */
export interface ChartData {
  readonly x: readonly number[];
  readonly curves: readonly Curve[];
}

export interface Curve {
  readonly line: readonly (number | null)[];
  readonly low: readonly (number | null)[];
  readonly high: readonly (number | null)[];
}

// eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- uPlot's enum exists in its types only.
const LOGARITHMIC: Pick<uPlot.Scale, "distr" | "log"> = { distr: 3, log: 10 };

export class LineChart {
  readonly #plot: uPlot;

  constructor(root: HTMLElement, options: ChartOptions) {
    this.#plot = new uPlot(plotOptions(options), [[]], root);
  }

  setData({ x, curves }: ChartData): void {
    const columns = curves.flatMap(({ high, low, line }) => [high, low, line]);
    this.#plot.setData([x, ...columns] as uPlot.AlignedData);
  }

  resize(width: number, height: number): void {
    if (width !== this.#plot.width || height !== this.#plot.height) {
      this.#plot.setSize({ width, height });
    }
  }

  destroy(): void {
    this.#plot.destroy();
  }
}

/** Numbers on an axis, short: 1200, 12k, 1.5M; very large and small ones with an exponent. */
export function tick(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e9) return Number(value.toPrecision(3)).toExponential().replace("e+", "e");
  if (size >= 1e6) return `${trim(value / 1e6)}M`;
  if (size >= 1e4) return `${trim(value / 1e3)}k`;
  if (size > 0 && size < 1e-3) return value.toExponential(0).replace("e-", "e−");
  return trim(value);
}

function trim(value: number): string {
  return String(Number(value.toPrecision(3)));
}

function plotOptions(options: ChartOptions): uPlot.Options {
  const { series, style, logarithmic } = options;
  const colors = series.map(({ color }) => color);
  return {
    width: options.width,
    height: options.height,
    legend: { show: false },
    scales: {
      x: { time: false },
      y: logarithmic ? { ...LOGARITHMIC, range: logRange } : { range: linearRange },
    },
    axes: [
      axis(style, { label: options.xLabel, size: 18, labelSize: 12, labelGap: -2, space: 44 }),
      axis(style, { label: options.yLabel, size: 36, labelSize: 12, labelGap: 0, space: 16 }),
    ],
    series: [{}, ...series.flatMap(bandAndLine)],
    bands: series.map(({ color }, i) => ({
      series: [3 * i + 1, 3 * i + 2],
      fill: `${color}40`,
    })),
    cursor: {
      y: false,
      drag: { x: false, y: false, setScale: false },
      points: { show: (_, index) => cursorPoint(colors, index) },
    },
    padding: [6, 10, 0, 0],
    hooks: { setCursor: [(plot) => options.onCursor(plot.cursor.idx ?? null)] },
  };
}

function bandAndLine({ label, color, dash }: ChartSeries): uPlot.Series[] {
  const edge: uPlot.Series = { stroke: "transparent", width: 0, points: { show: false } };
  const line: uPlot.Series = { label, stroke: color, width: 1.75, points: { show: onlyOne } };
  if (dash !== undefined) line.dash = [...dash];
  return [edge, { ...edge }, line];
}

/** A single value makes no line, so it is shown as a point. */
function onlyOne(plot: uPlot): boolean {
  return plot.data[0].length < 2;
}

function axis(style: ChartStyle, own: Partial<uPlot.Axis>): uPlot.Axis {
  return {
    stroke: style.text,
    font: style.font,
    labelFont: style.font,
    gap: 3,
    grid: { stroke: style.grid, width: 1 },
    ticks: { show: false },
    values: (_, splits) =>
      splits.map((value: number | null) => (value === null ? "" : tick(value))),
    ...own,
  };
}

/** A dot on each line, none on the edges of its band. */
function cursorPoint(colors: readonly string[], index: number): HTMLElement {
  const point = document.createElement("div");
  const size = index % 3 === 0 ? 7 : 0;
  point.style.cssText = `width:${size}px;height:${size}px;margin:${-size / 2}px 0 0 ${-size / 2}px`;
  point.style.background = colors[index / 3 - 1] ?? "";
  return point;
}

function linearRange(_: uPlot, __: number | null, high: number | null): uPlot.Range.MinMax {
  return [0, high !== null && high > 0 ? high * 1.05 : 1];
}

function logRange(_: uPlot, low: number | null, high: number | null): uPlot.Range.MinMax {
  const bottom = low !== null && low > 0 ? low : 1e-3;
  const top = high !== null && high > bottom ? high : bottom * 10;
  // At least a decade, from one round number to another, or the axis has no label.
  return [round(Math.min(bottom, top / 10), Math.floor), round(top, Math.ceil)];
}

/** To one significant digit. */
function round(value: number, to: (digit: number) => number): number {
  const unit = 10 ** Math.floor(Math.log10(value));
  return Number((to(value / unit) * unit).toPrecision(1));
}

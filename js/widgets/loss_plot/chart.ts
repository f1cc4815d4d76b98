/** The curves: drawn once an animation frame, whatever changed. */

import { computed, signal } from "@preact/signals-core";

import { type ChartCurve, CurveChart, isCompact, type YAxis } from "../../draw/curve_chart.ts";
import { tick } from "../../draw/line_chart.ts";
import { h, setAttribute, setText } from "../../shared/dom.ts";
import { onEnd, react, track } from "../../shared/lifetime.ts";
import { iconButton } from "../../shared/controls.ts";
import { lastSize, type Size } from "../../shared/size.ts";
import { cursor } from "./cursor.ts";
import type { Context } from "./context.ts";
import type { Axis, CurveData } from "./curves.ts";
import { followGestures } from "./gestures.ts";
import { followKeys } from "./keys.ts";
import { type Group, groupOf, GROUPS } from "./series.ts";
import { bestLines, type SeriesStatus } from "./status.ts";
import { type Range, drawable } from "./window.ts";
import { Navigation } from "./navigation.ts";

/** What one can zoom into, in the unit of the axis: a few single steps. */
const LEAST: Readonly<Record<Axis, number>> = { step: 4, epoch: 1e-4, time: 1e-3 };

/** What a host without layout is taken to have. */
const SIZE = { width: 800, height: 250 };

/** What was drawn last: the cursor reads from it. */
export interface Drawn {
  readonly chart: CurveChart;
  readonly range: Range;
  readonly curves: readonly DrawnCurve[];
}

export interface DrawnCurve extends ChartCurve {
  readonly run: number;
  readonly name: string;
  readonly rows: number;
}

export function chart(context: Context): HTMLElement {
  const { t, lifetime, settings, theme, curves, lines, isHidden, window, root } = context;
  const canvas = h("div", { class: "dl-canvas", "aria-hidden": "true" });
  const empty = h("p", { class: "dl-empty" });
  const area = h("div", {
    class: "dl-area",
    tabindex: 0,
    role: "application",
    "aria-label": t("loss_plot.chart"),
    "aria-roledescription": t("loss_plot.chart_role"),
  });
  const element = h("div", { class: "dl-chart" }, canvas, area, empty);
  const drawn = signal<Drawn | null>(null);
  const scale = settings.x_scale.shown;
  const least = () => {
    const axis = settings.axis.shown.peek();
    const perEpoch = context.status.peek()[0]?.stepsPerEpoch ?? null;
    return axis === "epoch" && perEpoch !== null ? LEAST.step / perEpoch : LEAST[axis];
  };
  const navigation = new Navigation(window, () => curves.peek()?.extent ?? null, scale, least);

  // What was measured before the first step is no curve yet.
  const untouched = computed(() =>
    context.status.value.every(({ state, step }) => state === "idle" && step === 0),
  );
  const wanted = computed(() =>
    untouched.value
      ? []
      : lines.value.filter(({ run, series }) => !isHidden(run, series.name) && changes(series)),
  );
  // A status comes with every few steps, and its curves soon after: those are what is drawn anew.
  const looks = computed(() =>
    JSON.stringify(wanted.value.map(({ run, series, style }) => [run, series.name, style])),
  );
  const lineOf = (curve: CurveData) =>
    wanted.peek().find(({ run, series }) => run === curve.run && series.name === curve.name);
  const visible = computed(() => {
    track(looks);
    return (curves.value?.curves ?? []).filter(
      (curve) => curve.x.length > 0 && lineOf(curve) !== undefined,
    );
  });
  const groups = computed(() =>
    GROUPS.filter((group) => visible.value.some(({ name }) => groupOf(name) === group)).join(),
  );

  let plot: CurveChart | null = null;
  let madeFor: unknown[] = [];
  let scheduled = 0;
  const size = lastSize(canvas, SIZE);

  const draw = () => {
    scheduled = 0;
    const found = curves.peek();
    const axis = found?.axis ?? settings.axis.shown.peek();
    const dark = theme.peek();
    const options = [
      ...[groups.peek(), axis, scale.peek(), settings.y_scale.shown.peek(), dark],
      isCompact(size().width),
    ];
    if (plot === null || options.some((option, i) => option !== madeFor[i])) {
      plot?.destroy();
      plot = makeChart(context, canvas, groups.peek().split(",") as Group[], axis, size());
      madeFor = options;
    }
    const range = drawable(navigation.range() ?? { low: 0, high: 1 }, scale.peek(), least());
    const winners = bestLines(lines.peek());
    const list = visible.peek().map((curve): DrawnCurve => {
      const group = groupOf(curve.name);
      const line = lineOf(curve)!;
      return {
        points: curve,
        axis: group,
        run: curve.run,
        name: curve.name,
        rows: curve.rows,
        ...line.style,
        heldUntil: group === "rate" ? (found?.extent?.high ?? null) : null,
        best: winners.includes(line) ? bestPlace(line.series.best, axis) : null,
      };
    });
    plot.resize(size().width, size().height);
    plot.show(range, list);
    placeArea(area, plot.area);
    context.pixels.value = plot.area.clientWidth || SIZE.width;
    drawn.value = { chart: plot, range, curves: list };
    setAttribute(root, "data-curves", list.length);
    setAttribute(root, "data-window", `${range.low} ${range.high}`);
    setAttribute(
      root,
      "data-drawn",
      list.reduce((sum, { points }) => sum + points.x.length, 0),
    );
  };
  const redraw = () => {
    if (scheduled === 0) scheduled = requestAnimationFrame(draw);
  };
  react(lifetime, () => {
    // All that a picture depends on.
    track(visible, groups, window, theme, scale, settings.y_scale.shown);
    redraw();
  });
  react(lifetime, () => {
    const { connection } = context.session;
    const nothing = curves.value !== null && (curves.value.extent === null || untouched.value);
    const none = curves.value?.extent != null && visible.value.length === 0;
    empty.hidden = !(nothing || none || curves.value === null);
    if (curves.value === null) setText(empty, t(`kernel.status_${connection.value}`));
    else if (nothing)
      setText(empty, t(canPlay(context) ? "loss_plot.empty_play" : "loss_plot.empty"));
    else setText(empty, t("loss_plot.all_hidden"));
  });

  const observer = new ResizeObserver(() => {
    if (element.clientWidth > 0 && plot !== null) redraw();
  });
  observer.observe(element);
  onEnd(lifetime, () => {
    cancelAnimationFrame(scheduled);
    observer.disconnect();
    plot?.destroy();
  });

  const reading = cursor(context, area, drawn);
  element.append(reading.element, zoomButtons(context, navigation));
  followGestures(context, area, navigation, reading.moveTo);
  followKeys(context, area, navigation, reading);
  return element;
}

function makeChart(
  { t, settings, theme }: Context,
  root: HTMLElement,
  groups: readonly Group[],
  axis: Axis,
  size: Size,
): CurveChart {
  const log = settings.y_scale.shown.peek() === "log";
  const shown = groups.filter((group) => (group as string) !== "");
  const y = (shown.length > 0 ? shown : (["loss"] as const)).map((group, index): YAxis => ({
    key: group,
    label: t(`loss_plot.axis_${group}`),
    side: index === 0 ? "left" : "right",
    // A share between 0 and 1 has no orders of magnitude.
    log: log && group !== "share",
    tick: group === "rate" ? rateTick : tick,
  }));
  const { text, line, background } = theme.peek();
  return new CurveChart(root, {
    x: {
      label: t(`loss_plot.axis_${axis}`),
      log: settings.x_scale.shown.peek() === "log",
      tick: axis === "time" ? clock : stepTick,
      unit: axis === "step" ? "whole" : axis === "time" ? "seconds" : "any",
    },
    y,
    style: {
      font: `11px ${getComputedStyle(root).fontFamily || "sans-serif"}`,
      text,
      grid: line,
      background,
    },
    ...size,
  });
}

function zoomButtons(context: Context, navigation: Navigation): HTMLElement {
  const { t, window, lifetime } = context;
  const small = (name: "plus" | "minus" | "fit", key: string, act: () => void) => {
    const button = iconButton(context, name, t(`loss_plot.${key}`), t(`loss_plot.tip_${key}`), act);
    button.classList.add("dl-small");
    return button;
  };
  const all = small("fit", "zoom_all", () => navigation.all());
  react(lifetime, () => {
    setAttribute(all, "aria-disabled", window.value.kind === "all" ? "true" : null);
  });
  return h(
    "div",
    { class: "dl-zoom", role: "group", "aria-label": t("loss_plot.zoom") },
    small("plus", "zoom_in", () => navigation.zoom(0.5, 0.5)),
    small("minus", "zoom_out", () => navigation.zoom(2, 0.5)),
    all,
  );
}

/** A learning rate that was never changed has its field and its place in the legend. */
function changes({ name, rows }: SeriesStatus): boolean {
  return groupOf(name) !== "rate" || rows > 1;
}

function bestPlace(
  best: { step: number; epoch: number | null; seconds: number | null; value: number } | null,
  axis: Axis,
): { x: number; y: number } | null {
  if (best === null) return null;
  const x = axis === "step" ? best.step : axis === "epoch" ? best.epoch : best.seconds;
  return x === null ? null : { x, y: best.value };
}

/** Our area lies over the plot's own, and stays when the plot is made anew. */
function placeArea(area: HTMLElement, over: HTMLElement): void {
  for (const side of ["left", "top", "width", "height"] as const) {
    if (area.style[side] !== over.style[side]) area.style[side] = over.style[side];
  }
}

function canPlay({ runs }: Context): boolean {
  return runs.some(({ controls }) => controls.includes("play"));
}

/** Steps as numbers that a zoom tells apart: 12,345 is not 12.3k. */
export function stepTick(value: number): string {
  if (Math.abs(value) >= 1e6 && value % 1e4 === 0) return tick(value);
  if (Math.abs(value) >= 1e4 && value % 100 === 0 && Math.abs(value) < 1e6) return tick(value);
  return String(Number(value.toPrecision(9)));
}

/** A rate's size is what counts. */
function rateTick(value: number): string {
  if (value === 0) return "0";
  return Math.abs(value) < 0.01
    ? Number(value.toPrecision(3)).toExponential().replace("e-", "e−")
    : tick(value);
}

/** Seconds on an axis: 12 s, 2:10, 1:05 h. */
export function clock(seconds: number): string {
  if (Math.abs(seconds) < 60) return `${Number(seconds.toPrecision(6))} s`;
  const whole = Math.round(seconds);
  const two = (number: number) => String(number).padStart(2, "0");
  if (whole < 3600) return `${Math.floor(whole / 60)}:${two(whole % 60)}`;
  const minutes = Math.floor(whole / 60) % 60;
  const rest = whole % 60 === 0 ? "" : `:${two(whole % 60)}`;
  return `${Math.floor(whole / 3600)}:${two(minutes)}${rest} h`;
}

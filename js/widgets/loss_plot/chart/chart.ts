/** The curves: drawn once an animation frame, whatever changed. */

import { computed, signal } from "@preact/signals-core";

import { Chart, type Scene, type YAxis } from "../../../draw/chart.ts";
import { clockTick, rateTick, tick } from "../../../draw/tick_text.ts";
import { h, setAttribute, setText } from "../../../shared/ui/dom.ts";
import { onEnd, react, track } from "../../../shared/lifetime.ts";
import { iconButton } from "../../../shared/ui/controls.ts";
import { lastSize } from "../../../shared/ui/size.ts";
import { cursor, type Drawn, type DrawnCurve } from "./cursor.ts";
import type { Context } from "../context.ts";
import type { Axis, CurveData } from "./curves.ts";
import { followGestures } from "./gestures.ts";
import { followKeys } from "./keys.ts";
import { type Group, GROUPS } from "../legend/series.ts";
import { bestLines, type SeriesStatus } from "../header/status.ts";
import { type Range, drawable } from "./window.ts";
import { Navigation } from "./navigation.ts";

/** What one can zoom into, in the unit of the axis: a few single steps. */
const LEAST: Readonly<Record<Axis, number>> = { step: 4, epoch: 1e-4, time: 1e-3 };

/** What a host without layout is taken to have. */
const SIZE = { width: 800, height: 250 };

export function chart(context: Context): HTMLElement {
  const { t, lifetime, settings, theme, curves, lines, isHidden, window, root } = context;
  const empty = h("p", { class: "dl-empty" });
  const element = h("div", { class: "dl-chart" });
  const plot = new Chart<DrawnCurve>(element);
  const { area } = plot;
  for (const [name, value] of Object.entries({
    tabindex: 0,
    role: "application",
    "aria-label": t("loss_plot.chart"),
    "aria-roledescription": t("loss_plot.chart_role"),
  })) {
    setAttribute(area, name, value);
  }
  element.append(empty);
  const drawn = signal<Drawn | null>(null);
  const scale = settings.x_scale.shown;
  const least = () => {
    const axis = settings.axis.shown.peek();
    const perEpoch = context.status.peek()[0]?.stepsPerEpoch ?? null;
    return axis === "epoch" && perEpoch !== null ? LEAST.step / perEpoch : LEAST[axis];
  };
  const navigation = new Navigation(window, () => curves.peek()?.extent ?? null, scale, least);

  // What was measured before the first step is not a curve yet.
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
    JSON.stringify(
      wanted.value.map(({ run, series, look }) => [run, series.name, series.group, look]),
    ),
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
    GROUPS.filter((group) =>
      visible.value.some((curve) => lineOf(curve)?.series.group === group),
    ).join(),
  );

  let scheduled = 0;
  const size = lastSize(element, SIZE);
  const font = computed(() => {
    track(theme);
    return `11px ${getComputedStyle(element).fontFamily || "sans-serif"}`;
  });

  const draw = () => {
    scheduled = 0;
    const found = curves.peek();
    const axis = found?.axis ?? settings.axis.shown.peek();
    const range = drawable(navigation.range() ?? { low: 0, high: 1 }, scale.peek(), least());
    const winners = bestLines(lines.peek());
    const list = visible.peek().map((curve): DrawnCurve => {
      const line = lineOf(curve)!;
      const { group } = line.series;
      return {
        points: curve,
        axis: group,
        run: curve.run,
        name: curve.name,
        rows: curve.rows,
        look: line.look,
        kind: line.series,
        heldUntil: group === "rate" ? (found?.extent?.high ?? null) : null,
        best: winners.includes(line) ? bestPlace(line.series.best, axis) : null,
      };
    });
    plot.draw({
      ...size(),
      ...axes(context, groups.peek().split(",") as Group[], axis, range),
      curves: list,
      style: { font: font.peek(), ...theme.peek() },
    });
    context.pixels.value = area.clientWidth || SIZE.width;
    drawn.value = { range, curves: list };
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
    if (element.clientWidth > 0) redraw();
  });
  observer.observe(element);
  onEnd(lifetime, () => {
    cancelAnimationFrame(scheduled);
    observer.disconnect();
    plot.destroy();
  });

  const reading = cursor(context, plot, drawn);
  element.append(reading.element, zoomButtons(context, navigation));
  followGestures(context, area, navigation, reading.moveTo);
  followKeys(context, area, navigation, reading);
  return element;
}

function axes(
  { t, settings }: Context,
  groups: readonly Group[],
  axis: Axis,
  range: Range,
): Pick<Scene, "x" | "y"> {
  const log = settings.y_scale.shown.peek() === "log";
  const shown = groups.filter((group) => (group as string) !== "");
  return {
    x: {
      ...range,
      label: t(`loss_plot.axis_${axis}`),
      log: settings.x_scale.shown.peek() === "log",
      text: axis === "time" ? clockTick : tick,
      unit: axis === "step" ? "whole" : axis === "time" ? "seconds" : "any",
    },
    y: (shown.length > 0 ? shown : (["loss"] as const)).map((group, index): YAxis => ({
      key: group,
      label: t(`loss_plot.axis_${group}`),
      side: index === 0 ? "left" : "right",
      // A share between 0 and 1 has no orders of magnitude.
      log: log && group !== "share",
      text: group === "rate" ? rateTick : tick,
    })),
  };
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
function changes({ group, rows }: SeriesStatus): boolean {
  return group !== "rate" || rows > 1;
}

function bestPlace(
  best: { step: number; epoch: number | null; seconds: number | null; value: number } | null,
  axis: Axis,
): { x: number; y: number } | null {
  if (best === null) return null;
  const x = axis === "step" ? best.step : axis === "epoch" ? best.epoch : best.seconds;
  return x === null ? null : { x, y: best.value };
}

function canPlay({ runs }: Context): boolean {
  return runs.some(({ controls }) => controls.includes("play"));
}

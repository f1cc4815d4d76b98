/** Train and test loss over the whole history. */

import type { ReadonlySignal, Signal } from "@preact/signals-core";

import { type ChartData, type Curve, LineChart } from "../../draw/line_chart.ts";
import { h } from "../../shared/dom.ts";
import { onEnd, react } from "../../shared/lifetime.ts";
import type { Context } from "./context.ts";
import type { Frame } from "./frame.ts";

export interface Reading {
  readonly epoch: number;
  readonly train: number;
  readonly test: number;
}

/** Beside each other, told apart also by their dashes; the style sheet has the same. */
const COLORS = {
  light: { train: "#009e73", test: "#b5488f" },
  dark: { train: "#1fbf92", test: "#d977b8" },
};

export function lossChart(
  context: Context,
  logarithmic: ReadonlySignal<boolean>,
  reading: Signal<Reading | null>,
): HTMLElement {
  const { t, session, theme, lifetime } = context;
  const root = h("div", { class: "dl-chart", role: "img", "aria-label": t("playground.chart") });
  let chart: LineChart | null = null;
  let data: ChartData | null = null;

  const read = (index: number | null) => {
    const epoch = index === null ? undefined : data?.x[index];
    reading.value =
      epoch === undefined || data === null || index === null
        ? null
        : { epoch, train: at(data.curves[0], index), test: at(data.curves[1], index) };
  };

  // uPlot takes its scale and its colours once.
  react(lifetime, () => {
    const { dark, text, line } = theme.value;
    const { train, test } = COLORS[dark ? "dark" : "light"];
    chart?.destroy();
    reading.value = null;
    chart = new LineChart(root, {
      series: [
        { label: t("playground.loss_train"), color: train },
        { label: t("playground.loss_test"), color: test, dash: [5, 3] },
      ],
      xLabel: t("playground.epoch"),
      yLabel: t("playground.loss"),
      logarithmic: logarithmic.value,
      style: {
        font: `10px ${getComputedStyle(root).fontFamily || "sans-serif"}`,
        text,
        grid: line,
      },
      width: root.clientWidth || 260,
      height: root.clientHeight || 104,
      onCursor: read,
    });
    if (data !== null) chart.setData(data);
  });
  react(lifetime, () => {
    const frame = session.frame.value;
    if (frame === null) return;
    data = chartData(frame);
    chart?.setData(data);
  });
  const observer = new ResizeObserver(() => {
    if (root.clientWidth > 0) chart?.resize(root.clientWidth, root.clientHeight);
  });
  observer.observe(root);
  onEnd(lifetime, () => {
    observer.disconnect();
    chart?.destroy();
  });
  return root;
}

/** The history's buckets, and the present as the last point. */
export function chartData(frame: Frame): ChartData {
  const { epochs, trainLow, trainHigh, testLow, testHigh } = frame.history;
  const x = Array.from(epochs);
  const train = curve(trainLow, trainHigh);
  const test = curve(testLow, testHigh);
  if (frame.epoch > (x.at(-1) ?? -1)) {
    x.push(frame.epoch);
    push(train, frame.trainLoss);
    push(test, frame.testLoss);
  }
  return { x, curves: [train, test] };
}

interface GrowingCurve extends Curve {
  line: (number | null)[];
  low: (number | null)[];
  high: (number | null)[];
}

function curve(low: Float32Array, high: Float32Array): GrowingCurve {
  return {
    line: Array.from(low, (value, i) => finite((value + high[i]!) / 2)),
    low: Array.from(low, finite),
    high: Array.from(high, finite),
  };
}

function push(to: GrowingCurve, value: number): void {
  for (const values of [to.line, to.low, to.high]) values.push(finite(value));
}

/** What is no number leaves a gap. */
function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

function at(from: Curve | undefined, index: number): number {
  return from?.line[index] ?? NaN;
}

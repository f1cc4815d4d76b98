/** Train and test loss over the whole history. */

import { computed, type ReadonlySignal, type Signal } from "@preact/signals-core";

import { Chart } from "../../../draw/chart.ts";
import { type Curve, curvePoints, shownValue } from "../../../draw/curves.ts";
import { lossLook } from "../../../draw/looks.ts";
import { roundRange } from "../../../draw/scale.ts";
import { h } from "../../../shared/ui/dom.ts";
import { onEnd, react, track } from "../../../shared/lifetime.ts";
import { lastSize } from "../../../shared/ui/size.ts";
import type { Context } from "../context.ts";
import type { Frame } from "../frame.ts";

export interface Reading {
  readonly epoch: number;
  readonly train: number;
  readonly test: number;
}

/** What a host without layout is taken to have. */
const SIZE = { width: 260, height: 104 };

export function lossChart(
  context: Context,
  logarithmic: ReadonlySignal<boolean>,
  reading: Signal<Reading | null>,
): HTMLElement {
  const { t, session, theme, lifetime } = context;
  const root = h("div", { class: "dl-chart", role: "img", "aria-label": t("playground.chart") });
  const chart = new Chart(root);
  const size = lastSize(root, SIZE);
  let looked: number | null = null;

  const look = computed(() => ({
    font: `10px ${getComputedStyle(root).fontFamily || "sans-serif"}`,
    ...theme.value,
  }));
  const curves = computed(() => {
    const frame = session.frame.value;
    return frame === null ? [] : lossCurves(frame, theme.value.dark);
  });
  const draw = () => {
    const x = curves.peek()[0]?.points.x ?? new Float64Array(0);
    const [low, high] = [x[0] ?? 0, x.at(-1) ?? 1];
    const log = logarithmic.peek();
    const range = log ? {} : { range: fromZero(curves.peek()) };
    chart.draw({
      ...size(),
      x: { label: t("playground.epoch"), unit: "whole", low, high: Math.max(high, low + 1) },
      y: [{ key: "loss", label: t("playground.loss"), log, ...range }],
      curves: curves.peek(),
      style: look.peek(),
    });
    read();
  };
  const read = () => {
    const [train, test] = chart.read(looked).sort((a, b) => order(a.curve) - order(b.curve));
    reading.value =
      train === undefined || test === undefined
        ? null
        : {
            epoch: train.curve.points.x[train.index]!,
            train: shownValue(train.curve.points, train.index),
            test: shownValue(test.curve.points, test.index),
          };
  };
  const order = (curve: Curve) => curves.peek().indexOf(curve);

  react(lifetime, () => {
    track(curves, look, logarithmic);
    draw();
  });
  chart.hover(lifetime, (x) => {
    looked = x;
    read();
  });
  const observer = new ResizeObserver(draw);
  observer.observe(root);
  onEnd(lifetime, () => {
    observer.disconnect();
    chart.destroy();
  });
  return root;
}

/** The history's buckets, and the present as the last point: train, then test. */
function lossCurves(frame: Frame, dark: boolean): Curve[] {
  const { epochs, trainLow, trainHigh, testLow, testHigh } = frame.history;
  const later = frame.epoch > (epochs.at(-1) ?? -1);
  const grown = (values: ArrayLike<number>, now: number) =>
    later ? [...Array.from(values), now] : values;
  const x = grown(epochs, frame.epoch);
  const curve = (low: Float32Array, high: Float32Array, now: number, part: Part): Curve => ({
    points: curvePoints(x, grown(low, now), same(low, high) ? undefined : grown(high, now)),
    look: lossLook(part, dark),
    axis: "loss",
  });
  return [
    curve(trainLow, trainHigh, frame.trainLoss, "train"),
    curve(testLow, testHigh, frame.testLoss, "validation"),
  ];
}

type Part = Parameters<typeof lossLook>[0];

function same(low: Float32Array, high: Float32Array): boolean {
  return low.every((value, i) => Object.is(value, high[i]));
}

/** On a scale from 0 noise looks as small as it is. */
function fromZero(curves: readonly Curve[]) {
  const highs = curves.flatMap(({ points }) => Array.from(points.high).filter(Number.isFinite));
  return { low: 0, high: roundRange(0, Math.max(0, ...highs) || 1, false).high };
}

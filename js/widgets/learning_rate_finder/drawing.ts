/** The parts of the plot as SVG. */

import { s } from "../../shared/dom.ts";
import type { Translate } from "../../shared/i18n.ts";
import { formatRate, lossScale, rateScale, type Scale } from "./axes.ts";
import { curvePath, nearest } from "./curve.ts";
import type { RangeTest } from "./range_test.ts";

export const DIAMOND = "M0-6L5 0L0 6L-5 0Z";

const MARGIN = { left: 48, right: 16, top: 24, bottom: 40 };

export interface Geometry {
  readonly test: RangeTest;
  readonly width: number;
  readonly height: number;
  readonly x: Scale;
  readonly y: Scale;
}

export function layOut(test: RangeTest, width: number, height: number): Geometry {
  const { left, right, top, bottom } = MARGIN;
  return {
    test,
    width,
    height,
    x: rateScale(test, left, width - right),
    y: lossScale(test, height - bottom, top),
  };
}

export function plotArea({ width, height }: Geometry) {
  return {
    x: MARGIN.left,
    y: MARGIN.top - 8,
    width: Math.max(0, width - MARGIN.left - MARGIN.right),
    height: Math.max(0, height - MARGIN.top - MARGIN.bottom + 8),
  };
}

export function axisParts(t: Translate, { width, height, x, y }: Geometry): SVGElement[] {
  const [left, right] = [MARGIN.left, width - MARGIN.right];
  const [top, bottom] = [MARGIN.top, height - MARGIN.bottom];
  return [
    ...y.ticks.flatMap(({ value, text }) => {
      const at = y.place(value);
      return [
        s("path", { class: "dl-grid", d: `M${left} ${at}H${right}` }),
        s("text", { class: "dl-tick", x: left - 8, y: at + 4, "text-anchor": "end" }, text),
      ];
    }),
    ...x.ticks.flatMap(({ value, text }) => {
      const at = x.place(value);
      return [
        s("path", { class: "dl-grid", d: `M${at} ${top}V${bottom}` }),
        s("text", { class: "dl-tick", x: at, y: bottom + 16, "text-anchor": "middle" }, text),
      ];
    }),
    s("path", { class: "dl-axis", d: `M${left} ${bottom}H${right}` }),
    s(
      "text",
      { class: "dl-axis-name", x: right, y: height - 6, "text-anchor": "end" },
      t("learning_rate_finder.axis_rate"),
    ),
    s("text", { class: "dl-axis-name", x: 0, y: 12 }, t("learning_rate_finder.axis_loss")),
  ];
}

export function curveParts({ test, x, y }: Geometry, clip: string): SVGElement[] {
  const { rates, losses, smoothed } = test;
  const across = (i: number) => x.place(rates[i]!);
  const path = (values: Float32Array) =>
    curvePath(across, (i) => y.place(values[i]!), rates.length);
  return [
    s("path", { class: "dl-raw", d: path(losses), "clip-path": clip }),
    s("path", { class: "dl-smoothed", d: path(smoothed), "clip-path": clip }),
  ];
}

/** The rate in use as a line with its name at the foot, the suggestion as a diamond on the curve. */
export function markParts(t: Translate, geometry: Geometry, rate: number | null): SVGElement[] {
  const { test, x, y, width, height } = geometry;
  const [top, bottom] = [MARGIN.top, height - MARGIN.bottom];
  const parts: SVGElement[] = [];
  const label = (at: number, line: number, name: string, text: string) => {
    const anchor = at > width - 140 ? "end" : "start";
    return s(
      "text",
      { class: name, x: at + (anchor === "end" ? -6 : 6), y: line, "text-anchor": anchor },
      text,
    );
  };
  if (rate !== null && rate >= x.low * 0.999 && rate <= x.high * 1.001) {
    const at = x.place(rate);
    const text = t("learning_rate_finder.in_use_rate", { rate: formatRate(rate) });
    parts.push(
      s("path", { class: "dl-in-use", d: `M${at} ${top - 8}V${bottom}` }),
      label(at, bottom - 8, "dl-in-use-name", text),
    );
  }
  if (test.suggestion !== null) {
    const at = x.place(test.suggestion);
    const near = nearest(test.rates, x.place, at);
    const level = y.place(test.smoothed[near]!);
    const text = t("learning_rate_finder.suggestion_rate", { rate: formatRate(test.suggestion) });
    parts.push(
      s("path", { class: "dl-suggestion", d: `M${at} ${top - 8}V${bottom}` }),
      s("path", {
        class: "dl-suggestion-sign",
        d: DIAMOND,
        transform: `translate(${at} ${level})`,
      }),
      label(at, top, "dl-suggestion-name", text),
    );
  }
  return parts;
}

export function cursorParts({ test, x, y, height }: Geometry, at: number): SVGElement[] {
  const rate = test.rates[at];
  if (rate === undefined) return [];
  const across = x.place(rate);
  const within = (loss: number) => Math.max(MARGIN.top - 8, y.place(loss));
  return [
    s("path", { d: `M${across} ${MARGIN.top - 8}V${height - MARGIN.bottom}` }),
    s("circle", { class: "dl-cursor-raw", cx: across, cy: within(test.losses[at]!), r: 3 }),
    s("circle", { cx: across, cy: within(test.smoothed[at]!), r: 5 }),
  ];
}

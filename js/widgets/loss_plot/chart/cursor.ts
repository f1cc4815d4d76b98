/** A card with what the curves say where one points. */

import type { ReadonlySignal } from "@preact/signals-core";

import { type Chart, type Reading, readingsAt } from "../../../draw/chart.ts";
import { type Curve, shownValue } from "../../../draw/curves.ts";
import { swatch } from "../../../draw/legend.ts";
import { h, setText } from "../../../shared/ui/dom.ts";
import { formatCount, formatDuration, formatValue } from "../../../shared/format.ts";
import { onEnd, react, track } from "../../../shared/lifetime.ts";
import type { Context } from "../context.ts";
import { inOrder, type SeriesKind, seriesLabel } from "../legend/series.ts";
import { placeAt, type Range, shareOf } from "./window.ts";

/** How long a place is looked at before the kernel is asked for its epoch and time. */
const SETTLED_MS = 120;

/** What was drawn last: what the cursor reads from. */
export interface Drawn {
  readonly range: Range;
  readonly curves: readonly DrawnCurve[];
}

export interface DrawnCurve extends Curve {
  readonly kind: SeriesKind;
  readonly run: number;
  readonly name: string;
  readonly rows: number;
}

export interface Cursor {
  readonly element: HTMLElement;
  /** Read at a share of the width; null hides the reading. */
  readonly moveTo: (share: number | null) => void;
  /** Go to the next point of the curve that has most. */
  readonly step: (by: number) => void;
  readonly share: () => number | null;
}

export function cursor(
  context: Context,
  plot: Chart<DrawnCurve>,
  drawn: ReadonlySignal<Drawn | null>,
): Cursor {
  const { t, lifetime, settings, rpc } = context;
  const title = h("div", { class: "dl-card-title" });
  const rows = h("div", { class: "dl-card-rows" });
  const card = h("div", { class: "dl-card", hidden: true }, title, rows);
  const spoken = h("span", { class: "dl-spoken", role: "status" });
  const element = h("div", { class: "dl-reading" }, card, spoken);

  let at: number | null = null;
  let typed = false;
  let settling: ReturnType<typeof setTimeout> | null = null;
  let asking = false;
  let place: { key: string; text: string } = { key: "", text: "" };

  const show = () => {
    const now = drawn.peek();
    const scale = settings.x_scale.shown.peek();
    const readings = plot.read(now === null || at === null ? null : placeAt(now.range, at, scale));
    const [main] = readings;
    card.hidden = main === undefined;
    if (now === null || main === undefined) {
      setText(spoken, "");
      return;
    }
    const value = main.curve.points.x[main.index]!;
    const share = shareOf(now.range, value, scale);
    drawRows(readings);
    drawTitle(main, value);
    // The card stands where the pointer is not.
    card.classList.toggle("dl-on-left", share > 0.5);
    const [left, width] = [plot.area.offsetLeft, plot.area.clientWidth];
    if (share > 0.5) {
      card.style.left = "";
      card.style.right = `calc(100% - ${left + share * width - 12}px)`;
    } else {
      card.style.right = "";
      card.style.left = `${left + share * width + 12}px`;
    }
    if (typed) setText(spoken, [title.textContent, ...rowTexts(readings)].join(", "));
  };

  const drawRows = (readings: readonly Reading<DrawnCurve>[]) => {
    const many = context.runs.length > 1;
    card.classList.toggle("dl-card-table", many);
    if (many) {
      rows.replaceChildren(table(readings));
      return;
    }
    rows.replaceChildren(
      ...readings.map(({ curve, index }) =>
        h(
          "div",
          { class: "dl-card-row" },
          swatch(curve.look),
          h("span", { class: "dl-card-name" }, label(curve, many)),
          h("span", { class: "dl-card-value" }, valueText(curve, index)),
        ),
      ),
    );
  };

  /** Runs below each other, their series side by side. */
  const table = (readings: readonly Reading<DrawnCurve>[]) => {
    const inTurn = [...readings].sort((a, b) => inOrder(a.curve.kind, b.curve.kind));
    const names = [...new Set(inTurn.map(({ curve }) => curve.name))];
    const cell = (run: number, name: string) => {
      const found = readings.find(({ curve }) => curve.run === run && curve.name === name);
      return h(
        "td",
        {},
        found === undefined ? "" : formatValue(shownValue(found.curve.points, found.index)),
      );
    };
    const runs = [...new Set(readings.map(({ curve }) => curve.run))].sort((a, b) => a - b);
    return h(
      "table",
      {},
      h("tr", {}, h("th"), ...names.map((name) => h("th", {}, seriesLabel(t, name)))),
      ...runs.map((run) =>
        h(
          "tr",
          {},
          h(
            "th",
            {},
            swatch(readings.find(({ curve }) => curve.run === run)!.curve.look),
            context.runs[run]!.name,
          ),
          ...names.map((name) => cell(run, name)),
        ),
      ),
    );
  };

  const label = (curve: DrawnCurve, many: boolean) => {
    const name = seriesLabel(t, curve.name);
    return many ? `${context.runs[curve.run]!.name} · ${name}` : name;
  };

  const rowTexts = (readings: readonly Reading<DrawnCurve>[]) =>
    readings.map(
      ({ curve, index }) => `${label(curve, context.runs.length > 1)} ${valueText(curve, index)}`,
    );

  const drawTitle = (main: Reading<DrawnCurve>, value: number) => {
    const axis = settings.axis.shown.peek();
    const key = `${main.curve.run} ${axis} ${value}`;
    const own = {
      step: null,
      epoch: null,
      seconds: null,
      [axis === "time" ? "seconds" : axis]: value,
    };
    setText(title, place.key === key ? place.text : placeText(own));
    if (place.key === key) return;
    if (settling !== null) clearTimeout(settling);
    settling = setTimeout(() => {
      settling = null;
      if (!asking) void ask(main.curve.run, axis, value, key);
    }, SETTLED_MS);
  };

  const ask = async (run: number, axis: string, value: number, key: string) => {
    // Places come as single-precision distances: a little after the row, so that it is the last.
    const at = value + 1e-6 * Math.max(1, Math.abs(value));
    asking = true;
    try {
      const { meta } = await rpc.request("place.get", { run, axis, at });
      place = { key, text: placeText(meta) };
    } catch {
      // Without an answer the card still says what it knows; asking again at once would not help.
      place = { key, text: title.textContent };
    }
    asking = false;
    if (!lifetime.aborted) show();
  };

  const placeText = (meta: Readonly<Record<string, unknown>>) => {
    const { step, epoch, seconds } = meta;
    const separator = t("view.group_separator");
    const parts = [
      typeof step === "number"
        ? t("loss_plot.at_step", { step: formatCount(step, separator) })
        : null,
      typeof epoch === "number"
        ? t("loss_plot.at_epoch", { epoch: String(Number(epoch.toFixed(3))) })
        : null,
      typeof seconds === "number" ? formatDuration(seconds) : null,
    ];
    return parts.filter((part) => part !== null).join(" · ");
  };

  react(lifetime, () => {
    track(drawn);
    show();
  });
  onEnd(lifetime, () => {
    if (settling !== null) clearTimeout(settling);
  });
  return {
    element,
    share: () => at,
    moveTo: (share) => {
      at = share;
      typed = false;
      show();
    },
    step: (by) => {
      const now = drawn.peek();
      if (now === null) return;
      const scale = settings.x_scale.shown.peek();
      const [main] = readingsAt(now.curves, placeAt(now.range, at ?? 0.5, scale));
      if (main === undefined) return;
      const { x } = main.curve.points;
      const next = x[Math.max(0, Math.min(main.index + (at === null ? 0 : by), x.length - 1))]!;
      at = Math.max(0, Math.min(shareOf(now.range, next, scale), 1));
      typed = true;
      show();
    },
  };
}

function valueText({ points }: DrawnCurve, index: number): string {
  const [low, high] = [points.low[index]!, points.high[index]!];
  const raw =
    low === high || Number.isNaN(low)
      ? formatValue(low)
      : `${formatValue(low)} – ${formatValue(high)}`;
  return points.smooth === null ? raw : `${formatValue(points.smooth[index]!)} (${raw})`;
}

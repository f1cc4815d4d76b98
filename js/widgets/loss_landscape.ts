/** The view of `dl_lab.LossLandscape`. */

import { computed, type ReadonlySignal } from "@preact/signals-core";

import { curvePoints } from "../draw/curves.ts";
import { heightColor } from "../draw/plane/heights.ts";
import { inTheme, lossLook } from "../draw/looks.ts";
import type { Over } from "../draw/plane/plane.ts";
import { chart } from "../explainer/chart.ts";
import { explainer, numbers } from "../explainer/explainer.ts";
import { type Place, plane } from "../explainer/plane.ts";
import type { Computed, ExplainerView } from "../explainer/view.ts";
import { formatCount, formatLoss, formatValue } from "../shared/format.ts";
import { react } from "../shared/lifetime.ts";
import { h, listen, setAttribute, setText } from "../shared/ui/dom.ts";
import { icon } from "../shared/ui/icons.ts";
import en from "../shared/locales/loss_landscape.en.json";
import es from "../shared/locales/loss_landscape.es.json";
import "./loss_landscape.css";

/** What was measured, as `docs/protocol.md` describes it. */
interface Landscape {
  readonly x: Place;
  readonly y: Place;
  readonly line: boolean;
  readonly through: string;
  readonly levels: readonly number[];
  /** Places with a name: where a run began and ended, two minima. */
  readonly marks: Readonly<Record<string, Place>>;
  readonly shares: readonly number[];
  /** Where the weights are, and how far beside what is shown, as a share of their length. */
  readonly here: Place;
  readonly off: number;
  readonly loss: number | null;
  /** Of all points of the finest grid, and how many along an axis are being measured. */
  readonly share: number;
  readonly side: number;
  readonly weights: number;
  readonly rows: number;
  readonly back: number;
  readonly barrier: number | null;
  readonly training: boolean;
  readonly lowest: { readonly x: number; readonly y: number; readonly loss: number } | null;
  readonly size: Place;
  readonly values: Float32Array;
  readonly way: Float32Array;
}

type View = ExplainerView<Landscape>;

function read(message: Computed): Landscape {
  const [rows, columns] = message.arrays["values"]?.shape ?? [0, 0];
  return {
    ...(message.meta as unknown as Landscape),
    size: [rows!, columns!],
    values: numbers(message, "values"),
    way: numbers(message, "way"),
  };
}

/** The measured place nearest to one, and its loss. */
function nearest({ x, y, size: [rows, columns], values }: Landscape, [px, py]: Place) {
  const place = (value: number, [low, high]: Place, count: number) =>
    count < 2
      ? 0
      : Math.max(0, Math.min(count - 1, Math.round(((value - low) / (high - low)) * (count - 1))));
  const [row, column] = [place(py, y, rows), place(px, x, columns)];
  return values[row * columns + column] ?? NaN;
}

function draw(view: View): HTMLElement[] {
  const { t, frame, lifetime, root, theme, command } = view;
  react(lifetime, () => {
    const found = frame.value;
    setAttribute(root, "data-share", found?.share.toFixed(3));
    setAttribute(root, "data-here", found?.here.map((one) => one.toPrecision(4)).join(" "));
    setAttribute(root, "data-back", found?.back);
    setAttribute(root, "data-through", found?.through);
  });
  const go = ([x, y]: Place) => command("weights.go", { x, y });
  const axes = (through: string) =>
    through === "run"
      ? [share("axis_most", 0), share("axis_second", 1)]
      : through === "minima"
        ? [t("axis_joining"), t("axis_random")]
        : [t("axis_first"), t("axis_random")];
  const share = (key: string, at: number) => {
    const part = frame.value?.shares[at];
    return part === undefined ? t("axis_run") : t(key, { share: Math.round(100 * part) });
  };

  const field = plane(view, {
    label: t("plane"),
    keys: t("keys"),
    ground: () => {
      const found = frame.value;
      if (found === null || found.line) return null;
      const [x, y] = axes(found.through) as [string, string];
      const [rows, columns] = found.size;
      return {
        x: { label: x, low: found.x[0], high: found.x[1] },
        y: { label: y, low: found.y[0], high: found.y[1] },
        grid: { values: found.values, rows, columns },
        levels: found.levels.slice(1, -1),
        color: heightColor(found.levels, theme.value.dark),
      };
    },
    over: () => (frame.value === null ? {} : over(frame.value, theme.value.dark, theme.value.text)),
    choose: go,
    describe: (place) => {
      const found = frame.peek();
      const [x, y] = place.map(formatValue);
      return t("reading", { x: x!, y: y!, loss: formatLoss(found ? nearest(found, place) : NaN) });
    },
  });

  const line = computed(() => {
    const found = frame.value;
    if (found?.line !== true) return null;
    const count = found.values.length;
    const [low, high] = found.x;
    return Float64Array.from({ length: count }, (_, i) => low + ((high - low) * i) / (count - 1));
  });
  const curve = chart(view, {
    label: t("line"),
    keys: t("keys_line"),
    scene: () => {
      const [found, x] = [frame.value, line.value];
      if (found === null || x === null) return null;
      const marks = Object.entries({ ...found.marks, here: found.here });
      const { text } = theme.value;
      return {
        x: { label: axes(found.through)[0]!, low: found.x[0], high: found.x[1] },
        y: [{ key: "loss", label: t("loss") }],
        curves: [
          {
            points: curvePoints(x, found.values),
            look: { ...lossLook("train", theme.value.dark), marker: null },
            axis: "loss",
          },
        ],
        marks: marks.map(([name, [at]]) => {
          const here = name === "here";
          const where = here ? ({ at: "bottom" } as const) : {};
          return { name, x: at, label: t(`mark_${name}`), color: text, dashed: !here, ...where };
        }),
      };
    },
    choose: (at) => {
      const x = line.peek()?.[at];
      if (x !== undefined) go([x, 0]);
    },
    readings: (at) => {
      const [found, x] = [frame.value, line.value];
      const loss = at === null ? undefined : found?.values[at];
      return [
        [t("place"), at === null || x === null ? null : formatValue(x[at] ?? NaN)],
        [t("loss"), loss === undefined ? null : formatLoss(loss)],
      ];
    },
  });
  react(lifetime, () => {
    const flat = frame.value?.line === true;
    field.element.hidden = flat;
    curve.element.hidden = !flat;
  });
  const picture = h("div", { class: "dl-picture" }, field.element, curve.element);
  return [h("div", { class: "dl-landscape" }, picture, side(view, field.place)), hint(view)];
}

function over(found: Landscape, dark: boolean, text: string): Over {
  const { way, marks, here, lowest } = found;
  const count = way.length / 2;
  const x = Float32Array.from({ length: count }, (_, i) => way[2 * i]!);
  const y = Float32Array.from({ length: count }, (_, i) => way[2 * i + 1]!);
  const look = inTheme({ color: 1, dash: [], width: 2.25, marker: null }, dark);
  const trails = count > 1 ? [{ x, y, until: count - 1, look }] : [];
  const dots = Array.from({ length: count > 1 ? count : 0 }, (_, i) => ({
    ...{ x: x[i]!, y: y[i]!, size: 2 },
    ...{ marker: "circle", color: look.color },
  }));
  const named = Object.values(marks).map(([px, py]) => ({
    ...{ x: px, y: py, size: 4.5 },
    ...{ marker: "square", color: text },
  }));
  const low = lowest === null ? [] : [{ x: lowest.x, y: lowest.y, marker: "diamond", color: text }];
  const now = { x: here[0], y: here[1], marker: "circle", color: "#0877bd", size: 7 };
  const signs = [...dots, ...named, ...low.map((one) => ({ ...one, size: 3 })), now];
  return { trails, signs: signs as NonNullable<Over["signs"]> };
}

/** Numbers beside the picture, and the ways back. */
function side(view: View, cursor: ReadonlySignal<Place | null>): HTMLElement {
  const { t, frame, lifetime, command, tips } = view;
  const rows: readonly (readonly [key: string, value: (found: Landscape) => string | null])[] = [
    ["weights_loss", ({ loss }) => (loss === null ? "NaN" : formatLoss(loss))],
    ["weights_place", ({ here, line }) => placed(here, line)],
    ["beside", ({ off }) => (off < 1e-4 ? t("nothing_beside") : `${(100 * off).toPrecision(2)} %`)],
    ["lowest", ({ lowest }) => (lowest === null ? "–" : formatLoss(lowest.loss))],
    ["barrier", ({ barrier }) => (barrier === null ? null : formatLoss(barrier))],
    [
      "cursor",
      (found) => {
        const at = cursor.value;
        if (found.line) return null;
        return at === null ? "–" : formatLoss(nearest(found, at));
      },
    ],
    ["network", ({ weights }) => formatCount(weights, t("view.group_separator"))],
    ["examples", ({ rows }) => formatCount(rows, t("view.group_separator"))],
    ["measured", ({ side, share }) => `${side} · ${Math.round(100 * share)} %`],
  ];
  const list = h("dl", { class: "dl-numbers" });
  for (const [key, value] of rows) {
    const [name, number] = [h("dt", {}, t(key)), h("dd", { "data-number": key })];
    tips.describe(name, t(key), t(`tip_${key}`));
    list.append(name, number);
    react(lifetime, () => {
      const text = frame.value === null ? "–" : value(frame.value);
      setText(number, text ?? "");
      name.hidden = number.hidden = text === null;
    });
  }
  const undo = h("button", { type: "button", class: "dl-button dl-undo" }, icon("undo"), t("undo"));
  const renew = h("button", { type: "button", class: "dl-button" }, icon("reset"), t("renew"));
  listen(undo, "click", lifetime, () => {
    if ((frame.peek()?.back ?? 0) > 0) command("weights.undo");
  });
  listen(renew, "click", lifetime, () => command("landscape.renew"));
  react(lifetime, () => {
    setAttribute(undo, "aria-disabled", String((frame.value?.back ?? 0) === 0));
  });
  tips.describe(undo, t("undo"), t("tip_undo"));
  tips.describe(renew, t("renew"), t("tip_renew"));
  return h("div", { class: "dl-side" }, list, h("div", { class: "dl-ways" }, undo, renew));
}

function placed(place: Place, line: boolean): string {
  const [x, y] = place.map((one) => formatValue(Number(one.toPrecision(3))));
  return line ? x! : `${x}, ${y}`;
}

function hint({ t, frame, lifetime }: View): HTMLElement {
  const element = h("p", { class: "dl-hint", role: "status" });
  react(lifetime, () => {
    const found = frame.value;
    if (found === null) return;
    const key = found.training ? "hint_training" : found.back > 0 ? "hint_moved" : "hint";
    setText(element, t(key));
  });
  return element;
}

function status({ t, frame }: View): string {
  const found = frame.value;
  if (found === null) return "";
  return found.share < 1 ? t("measuring") : t("done", { side: found.side });
}

export default explainer<Landscape>({
  name: "loss_landscape",
  words: { en, es },
  read,
  draw,
  status,
  help: ["about", ["read_random", "read_run", "read_minima", "read_click"], "same"],
});

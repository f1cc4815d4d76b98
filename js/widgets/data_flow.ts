/** The view of `dl_lab.DataFlow`. */

import { signal } from "@preact/signals-core";

import { palette } from "../draw/looks.ts";
import { explainer, numbers } from "../explainer/explainer.ts";
import { flow, type FlowBox } from "../explainer/flow.ts";
import type { Computed, ExplainerView } from "../explainer/view.ts";
import {
  formatCount,
  formatDuration,
  formatLoss,
  formatRate,
  formatValue,
} from "../shared/format.ts";
import { react } from "../shared/lifetime.ts";
import { h, setAttribute, setText } from "../shared/ui/dom.ts";
import en from "../shared/locales/data_flow.en.json";
import es from "../shared/locales/data_flow.es.json";
import "./data_flow.css";

type Known = string | number | null;

/** What `docs/protocol.md` describes. */
interface Frame extends Computed {
  readonly state: string;
  readonly stations: Readonly<Record<string, Readonly<Record<string, Known>>>>;
  readonly stages: readonly string[];
  readonly waiting: number | null;
  /** Steps a second. */
  readonly rate: number;
  readonly advice: string | null;
  readonly codes: Readonly<Record<string, string>>;
}

type View = ExplainerView<Frame>;

/** Of each box its place, its arrow and the stages whose time is its own. */
const PLACES: Readonly<Record<string, [number, number, FlowBox["next"], readonly string[]]>> = {
  data: [1, 1, "right", []],
  queue: [1, 2, "right", ["wait", "begin"]],
  batch: [1, 3, "right", []],
  model: [1, 4, "right", ["forward"]],
  loss: [1, 5, "down", ["loss"]],
  backward: [2, 5, "left", ["backward"]],
  optimizer: [2, 4, "left", ["update"]],
  step: [2, 3, "left", ["step", "rest"]],
  save: [2, 2, null, ["end"]],
};

function draw(view: View): HTMLElement[] {
  const { t, frame } = view;
  const chosen = signal<string | null>(null);
  const boxes = Object.entries(PLACES).map(([key, [row, column, next, stages]]) => ({
    key,
    title: t(`box_${key}`),
    tip: t(`tip_${key}`),
    row,
    column,
    next,
    lines: () => {
      const told = frame.value === null ? ["", ""] : linesOf(view, frame.value, key);
      const share = stages.length === 0 ? null : timeOf(view, stages);
      return [...told, share ?? ""];
    },
    ...(stages.length === 0 ? {} : { share: () => sumOf(view, stages).share ?? 0 }),
  }));
  const running = () => frame.value?.state === "running";
  const stations = flow(view, { label: t("flow"), boxes, running, chosen });
  return [stations, timesOf(view), detail(view, () => chosen.value)];
}

/** Two lines of what a box holds. */
function linesOf({ t }: View, frame: Frame, key: string): readonly [string, string] {
  const held = frame.stations[key] ?? {};
  const text = (name: string) => String(held[name] ?? "");
  const count = (name: string) =>
    held[name] == null ? null : formatCount(Number(held[name]), t("view.group_separator"));
  switch (key) {
    case "data": {
      const rows = count("rows");
      return [text("name"), rows === null ? t("rows_unknown") : t("rows", { count: rows })];
    }
    case "queue": {
      if (held["room"] == null) return [t("queue_unknown"), ""];
      const workers = Number(held["workers"] ?? 0);
      return [
        t("queue_is", { ready: text("ready"), room: text("room") }),
        workers === 0 ? t("no_workers") : t("workers", { count: workers }),
      ];
    }
    case "batch":
      return [text("inputs").replace(/^tensor /, ""), text("targets").replace(/^tensor /, "")];
    case "model":
      return [text("name"), t("parameters", { count: count("numbers") ?? "–" })];
    case "loss": {
      const value = held["value"] == null ? "–" : formatLoss(Number(held["value"]));
      return [text("name"), t("value_is", { value })];
    }
    case "backward":
      return [t("tensors", { count: count("tensors") ?? "–" }), ""];
    case "optimizer": {
      const rate = held["rate"] == null ? "–" : formatRate(Number(held["rate"]));
      return [text("name"), t("rate_is", { rate })];
    }
    case "step":
      return [
        `${t("step_is", { step: count("steps") ?? "–" })} · ${t("epoch_is", { epoch: text("epoch") })}`,
        frame.rate > 0 ? t("per_second", { rate: formatValue(frame.rate) }) : "",
      ];
    default: {
      const name = text("path").split(/[\\/]/).slice(-2).join("/");
      const age = held["age"] == null ? "" : formatDuration(Number(held["age"]));
      const kept = held["kept"] == null ? t("watched_save") : t("kept", { count: text("kept") });
      return name === "" ? [t("not_saved"), kept] : [name, t("saved_ago", { age })];
    }
  }
}

interface Sum {
  /** Null until it was measured. */
  readonly share: number | null;
  readonly seconds: number;
}

function sumOf({ frame }: View, stages: readonly string[]): Sum {
  const { value } = frame;
  if (value === null) return { share: null, seconds: 0 };
  const all = numbers(value, "seconds");
  const whole = all.reduce((sum, one) => sum + one, 0);
  if (!(whole > 0)) return { share: null, seconds: 0 };
  const seconds = stages.reduce((sum, stage) => sum + all[value.stages.indexOf(stage)]!, 0);
  return { share: seconds / whole, seconds };
}

function timeOf(view: View, stages: readonly string[]): string | null {
  const { share, seconds } = sumOf(view, stages);
  if (share === null || seconds === 0) return null;
  return view.t("time_share", { time: shortTime(seconds), share: percent(share) });
}

const percent = (share: number) => (100 * share).toFixed(0);

/** 1.23 s, 12.3 ms, 0.4 µs. */
function shortTime(seconds: number): string {
  const [size, unit] =
    seconds >= 1 ? [seconds, "s"] : seconds >= 1e-3 ? [1e3 * seconds, "ms"] : [1e6 * seconds, "µs"];
  return `${Number(size.toPrecision(3))} ${unit}`;
}

/** The stages of a step as one bar, and what to do where it waits. */
function timesOf(view: View): HTMLElement {
  const { t, frame, theme, lifetime, tips } = view;
  const said = h("strong");
  const advice = h("span");
  const bar = h("div", { class: "dl-stages", role: "group", "aria-label": t("times") });
  const root = h("div", { class: "dl-times" }, h("p", {}, said, " ", advice), bar);
  react(lifetime, () => {
    const stages = frame.value?.stages ?? [];
    if (bar.childElementCount === stages.length) return;
    bar.replaceChildren(
      ...stages.map((stage, i) => {
        const element = h(
          "div",
          { class: "dl-stage", "data-stage": stage, tabindex: 0, role: "img" },
          h("span", {}, t(`stage_${stage}`)),
        );
        react(lifetime, () => {
          const { share, seconds } = sumOf(view, [stage]);
          const { dark } = theme.value;
          element.hidden = share === null || share < 0.005;
          element.style.setProperty("--share", String(share ?? 0));
          element.style.setProperty("--color", palette(dark)[STAGE_COLORS[i] ?? 6]!);
          const told = t("tip_stage", { time: shortTime(seconds), share: percent(share ?? 0) });
          setAttribute(element, "aria-label", `${t(`stage_${stage}`)}: ${told}`);
        });
        tips.explain(element, () => {
          const { share, seconds } = sumOf(view, [stage]);
          const text = t("tip_stage", { time: shortTime(seconds), share: percent(share ?? 0) });
          return { name: t(`stage_${stage}`), text };
        });
        return element;
      }),
    );
  });
  react(lifetime, () => {
    const { waiting = null, advice: key = null } = frame.value ?? {};
    setText(said, waiting === null ? t("not_measured") : t("waits", { share: percent(waiting) }));
    setText(advice, waiting === null ? "" : t(key === null ? "fine" : `advice_${key}`));
    setAttribute(root, "data-slow", key !== null);
  });
  return root;
}

/** What is done about the stages in the palette: waiting stands out. */
const STAGE_COLORS = [1, 0, 5, 2, 3, 7, 6, 4, 8];

/** What happens in the box that was chosen, and the code. */
function detail({ t, frame, lifetime }: View, chosen: () => string | null): HTMLElement {
  const title = h("h4");
  const text = h("p");
  const code = h("code");
  const listing = h("pre", { tabindex: 0 }, code);
  react(lifetime, () => {
    const key = chosen();
    setText(title, key === null ? "" : t(`box_${key}`));
    setText(text, key === null ? t("choose") : t(`does_${key}`));
    const lines = key === null ? "" : (frame.value?.codes[key] ?? "");
    setText(code, lines);
    listing.hidden = lines === "";
  });
  return h("div", { class: "dl-detail", "aria-live": "polite" }, title, text, listing);
}

export default explainer<Frame>({
  name: "data_flow",
  words: { en, es },
  read: (computed) => ({ ...(computed.meta as unknown as Frame), ...computed }),
  draw,
  status: ({ t, frame }) => (frame.value === null ? "" : t(`status_${frame.value.state}`)),
  help: ["about", ["read_wait", "read_cost", "read_piece"]],
});

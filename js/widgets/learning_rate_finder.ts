/** The view of `dl_lab.LearningRateFinder`. */

import { curvePoints, nearest } from "../draw/curves.ts";
import { swatch } from "../draw/legend.ts";
import { lossLook } from "../draw/looks.ts";
import { powerTick, rateTick } from "../draw/tick_text.ts";
import { chart, legendEntry } from "../explainer/chart.ts";
import { explainer, numbers } from "../explainer/explainer.ts";
import type { Computed, ExplainerView } from "../explainer/view.ts";
import { h, listen, s, setAttribute, setText } from "../shared/ui/dom.ts";
import { formatLoss, formatRate } from "../shared/format.ts";
import { react } from "../shared/lifetime.ts";
import { numberField } from "../shared/ui/number_field.ts";
import { ProtocolError } from "../shared/kernel/protocol.ts";
import en from "../shared/locales/learning_rate_finder.en.json";
import es from "../shared/locales/learning_rate_finder.es.json";
import "./learning_rate_finder.css";

/** What was measured, as `docs/protocol.md` describes it. */
interface RangeTest {
  readonly rates: Float32Array;
  readonly losses: Float32Array;
  readonly smoothed: Float32Array;
  /** The losses to show: one that has taken off would flatten the rest. */
  readonly shown: readonly [low: number, high: number];
  readonly scale: string;
  /** The rate before the test. */
  readonly current: number;
  readonly suggestion: number | null;
  /** Why the test ended early: `{key, params, text}`. */
  readonly stopped: unknown;
  /** What the trainer is called. */
  readonly name: string | null;
}

type View = ExplainerView<RangeTest>;

function read(computed: Computed): RangeTest {
  const [rates, losses, smoothed] = ["rates", "losses", "smoothed"].map((name) =>
    numbers(computed, name),
  ) as [Float32Array, Float32Array, Float32Array];
  if (losses.length !== rates.length || smoothed.length !== rates.length) {
    throw new ProtocolError("The rates and losses of a range test must be as many.");
  }
  return { ...(computed.meta as unknown as RangeTest), rates, losses, smoothed };
}

/** The rate that was chosen here; null before one is. */
const chosen = (view: View) => view.setting<number | null>("chosen", "rate.use");
const inUse = (view: View) => chosen(view).shown.value ?? view.frame.value?.current ?? null;
const suggestion = (view: View) => view.frame.value?.suggestion ?? null;

function looks({ theme }: View) {
  const { dark } = theme.value;
  return {
    loss: { ...lossLook("train", dark), width: 2.25, marker: null },
    // Dark, or light, enough to be read as text.
    suggestion: dark ? "#ffa05c" : "#b34700",
  };
}

function draw(view: View): HTMLElement[] {
  const { t, frame, lifetime, root, theme } = view;
  react(lifetime, () => setAttribute(root, "data-points", frame.value?.rates.length ?? 0));
  react(lifetime, () => setAttribute(root, "data-rate", inUse(view)));
  const { element } = chart(view, {
    label: t("plot"),
    keys: t("keys"),
    nothing: t("nothing"),
    legend: () => legend(view),
    scene: () => {
      if (frame.value === null) return null;
      const { rates, losses, smoothed, shown, scale } = frame.value;
      const look = looks(view);
      const log = scale === "exponential";
      const ends = [rates[0] ?? (log ? 1e-7 : 0), rates.at(-1) ?? 10] as const;
      const found = suggestion(view);
      const mark = (name: string, x: number | null, color: string, more: object) =>
        x === null
          ? []
          : [{ name, x, color, label: t(`${name}_rate`, { rate: formatRate(x) }), ...more }];
      return {
        x: {
          label: t("axis_rate"),
          low: ends[0],
          high: ends[1],
          log,
          text: log ? powerTick : rateTick,
        },
        y: [{ key: "loss", label: t("axis_loss"), range: { low: shown[0], high: shown[1] } }],
        // The losses faint, their average strong.
        curves: [
          { points: curvePoints(rates, losses, losses, smoothed), look: look.loss, axis: "loss" },
        ],
        marks: [
          ...mark("in_use", inUse(view), theme.value.text, { dashed: true, at: "bottom" }),
          ...mark("suggestion", found, look.suggestion, {
            sign: found === null ? null : (smoothed[nearest(rates, found)] ?? null),
          }),
        ],
      };
    },
    start: () => {
      const { rates } = frame.peek()!;
      return nearest(rates, suggestion(view) ?? inUse(view) ?? 0);
    },
    choose: (at) => {
      const rate = frame.peek()?.rates[at];
      if (rate !== undefined) chosen(view).set(Number(rate.toPrecision(3)));
    },
    readings: (at) => {
      const texts = at === null ? null : readingAt(frame.value, at);
      return [
        [t("rate_here"), texts?.rate ?? null],
        [t("loss"), texts?.loss ?? null],
        [t("smoothed"), texts?.smoothed ?? null],
      ];
    },
    describe: (at) => t("reading", readingAt(frame.value, at) ?? {}),
  });
  return [element, remarks(view)];
}

function readingAt(test: RangeTest | null, at: number) {
  const rate = test?.rates[at];
  if (test === null || rate === undefined) return null;
  const [loss, smoothed] = [formatLoss(test.losses[at]!), formatLoss(test.smoothed[at]!)];
  return { rate: formatRate(rate), loss, smoothed };
}

function legend(view: View): HTMLElement[] {
  const { t, theme } = view;
  const { loss, suggestion: color } = looks(view);
  const sign = (d: string, style: string) =>
    s(
      "svg",
      { viewBox: "0 0 18 12", width: 18, height: 12, "aria-hidden": "true" },
      s("path", { d, style }),
    );
  const faint = swatch({ ...loss, width: 1 });
  faint.style.opacity = "0.4";
  const dashed = `stroke:${theme.value.text};stroke-dasharray:4 3;stroke-width:1.5`;
  return [
    legendEntry(t("smoothed_loss"), swatch(loss)),
    legendEntry(t("step_loss"), faint),
    ...(suggestion(view) === null
      ? []
      : [legendEntry(t("suggestion"), sign("M9 0L14 6L9 12L4 6Z", `fill:${color}`))]),
    legendEntry(t("in_use"), sign("M9 0V12", dashed)),
  ];
}

/** What there is to say: what to do, why the test ended early, why it suggests nothing. */
function remarks({ t, frame, trait, sentence, lifetime }: View): HTMLElement {
  const hint = h("p", { class: "dl-hint" }, t("hint"));
  const reason = h("p", { class: "dl-reason" });
  const stopped = h("p", { class: "dl-stopped" });
  const message = trait<unknown>("message");
  const say = (element: HTMLElement, why: unknown) => {
    setText(element, why == null ? "" : sentence(why));
    element.hidden = why == null;
  };
  react(lifetime, () => say(reason, message.value));
  react(lifetime, () => say(stopped, frame.value?.stopped));
  react(lifetime, () => {
    hint.hidden = (frame.value?.rates.length ?? 0) === 0;
  });
  return h("div", { class: "dl-remarks" }, reason, hint, stopped);
}

/** The suggestion to take with one click, and a field for any other rate. */
function actions(view: View): HTMLElement[] {
  const { t, lifetime, tips, frame } = view;
  const name = h("span", { class: "dl-label dl-trainer" });
  const label = h("span");
  const button = h("button", { type: "button", class: "dl-primary dl-use" }, label);
  react(lifetime, () => {
    const found = suggestion(view);
    const used = found !== null && inUse(view) === found;
    setText(name, frame.value?.name ?? "");
    button.hidden = found === null;
    button.toggleAttribute("data-used", used);
    // Not `disabled`: the focus stays where it is.
    button.setAttribute("aria-disabled", String(used));
    if (found !== null) setText(label, t(used ? "used" : "use", { rate: formatRate(found) }));
  });
  listen(button, "click", lifetime, () => {
    const found = suggestion(view);
    if (found !== null && inUse(view) !== found) chosen(view).set(found);
  });
  tips.describe(button, t("suggested"), t("tip_use"));

  const field = numberField(view, lifetime, t("rate"), `${view.view}-rate`, (rate) => {
    chosen(view).set(rate);
  });
  react(lifetime, () => {
    const rate = inUse(view);
    // As one would type it: a plain minus in the exponent.
    field.show(rate === null ? "" : formatRate(rate).replace("−", "-"));
  });
  tips.describe(field.input, t("rate"), t("tip_rate"));
  return [name, h("div", { class: "dl-rate" }, button, field.element)];
}

function status(view: View): string {
  const rate = chosen(view).shown.value;
  if (rate !== null) return view.t("status_used", { rate: formatRate(rate) });
  const test = view.frame.value;
  return test === null ? "" : view.t("status_before", { rate: formatRate(test.current) });
}

export default explainer<RangeTest>({
  name: "learning_rate_finder",
  words: { en, es },
  read,
  draw,
  actions,
  status,
  help: ["about", ["read_flat", "read_falls", "read_rises", "read_choose"], "restored"],
});

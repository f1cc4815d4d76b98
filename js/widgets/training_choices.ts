/** The view of `dl_lab.TrainingChoices`. */

import { curvePoints } from "../draw/curves.ts";
import { swatch } from "../draw/legend.ts";
import { lossLook } from "../draw/looks.ts";
import type { Range } from "../draw/scale.ts";
import { legendEntry } from "../explainer/chart.ts";
import { explainer, numbers } from "../explainer/explainer.ts";
import { settingControl } from "../explainer/settings.ts";
import { type Side, sideBySide } from "../explainer/side_by_side.ts";
import type { Computed, ExplainerView } from "../explainer/view.ts";
import { formatLoss, formatValue } from "../shared/format.ts";
import { react } from "../shared/lifetime.ts";
import { iconButton, playButton } from "../shared/ui/controls.ts";
import { h } from "../shared/ui/dom.ts";
import en from "../shared/locales/training_choices.en.json";
import es from "../shared/locales/training_choices.es.json";

interface Told {
  readonly train: number | null;
  readonly test: number | null;
  readonly accuracy: number | null;
  /** The share of dead ReLUs; null where there are none. */
  readonly dead: number | null;
  readonly best: number | null;
  readonly best_step: number;
  readonly stopped: number | null;
  readonly diverged: boolean;
}

interface Pair extends Computed {
  readonly steps: number;
  readonly done: boolean;
  readonly sides: Readonly<Record<"left" | "right", Told>>;
}

type View = ExplainerView<Pair>;

const LOSSES = ["train", "test"] as const;
/** So many times smaller than the largest loss is as good as 0. */
const SPAN = 1e4;
/** The setting that says how much of it, where there is one. */
const AMOUNTS: Readonly<Record<string, string>> = {
  initialization: "initialization",
  dropout: "dropout",
  weight_decay: "weight_decay",
  early_stopping: "patience",
  augmentation: "augmentation",
};

function draw(view: View): HTMLElement[] {
  const { t, frame, theme, lifetime } = view;
  const change = view.setting<string>("switch").shown;
  const array = (side: string, name: string) => numbers(frame.value, `${side}_${name}`);
  const look = (name: "train" | "test") => ({
    ...lossLook(name === "train" ? "train" : "validation", theme.value.dark),
    marker: null,
  });
  const amounts = Object.entries(AMOUNTS).map(([key, setting]) => {
    const control = h("div", {}, settingControl(view, setting));
    react(lifetime, () => {
      control.hidden = change.value !== key;
    });
    return control;
  });

  const side = (key: "left" | "right"): Side => ({
    key,
    heading: () =>
      change.value === "initialization"
        ? t(`${key}_initialization`)
        : t(key, { switch: t(`switch_${change.value}`) }),
    ...(key === "right" ? { control: h("div", {}, ...amounts) } : {}),
    label: t(key, { switch: "" }),
    legend: () => LOSSES.map((name) => legendEntry(t(name), swatch(look(name)))),
    scene: () => {
      if (frame.value === null) return null;
      const { steps, sides } = frame.value;
      const { best, best_step, stopped } = sides[key];
      const mark = (name: string, x: number, at: "top" | "bottom") => {
        const color = theme.value.text;
        return { name, x, label: t(`mark_${name}`), color, dashed: true, at };
      };
      return {
        x: { label: t("axis_step"), low: 0, high: steps, unit: "whole" },
        y: [{ key: "loss", label: t("axis_loss"), log: true, range: shared(frame.value) }],
        curves: LOSSES.map((name) => ({
          points: curvePoints(array(key, "step"), array(key, name)),
          look: look(name),
          axis: "loss",
        })),
        marks: [
          ...(best === null || best_step === 0 ? [] : [mark("best", best_step, "bottom")]),
          ...(stopped === null ? [] : [mark("stopped", stopped, "top")]),
        ],
      };
    },
    readings: (at) => [
      [t("axis_step"), at === null ? null : String(array(key, "step")[at] ?? "–")],
      ...LOSSES.map((name) => {
        const value = at === null ? undefined : array(key, name)[at];
        return [t(name), value === undefined ? null : formatLoss(value)] as const;
      }),
    ],
    facts: () => facts(view, frame.value?.sides[key] ?? null, array(key, "signal")),
  });
  return [sideBySide(view, [side("left"), side("right")])];
}

function facts(
  { t }: View,
  told: Told | null,
  signal: Float32Array,
): readonly (readonly [name: string, value: string])[] {
  const loss = (value: number | null | undefined) => (value == null ? "–" : formatLoss(value));
  const share = (value: number | null | undefined) =>
    value == null ? "–" : `${(100 * value).toFixed(1)} %`;
  const spread = `${formatValue(signal[0] ?? NaN)} → ${formatValue(signal.at(-1) ?? NaN)}`;
  const best = { loss: loss(told?.best), step: told?.best_step ?? 0 };
  return [
    [t("train"), loss(told?.train)],
    [t("test"), loss(told?.test)],
    [t("accuracy"), share(told?.accuracy)],
    [t("best"), told?.best == null ? "–" : t("at_step", best)],
    [t("dead"), share(told?.dead)],
    [t("spread"), signal.length === 0 ? "–" : spread],
  ];
}

/** The losses that both axes show. */
function shared(pair: Pair): Range {
  const all = ["left_train", "left_test", "right_train", "right_test"].flatMap((name) => [
    ...numbers(pair, name),
  ]);
  const known = all.filter((loss) => Number.isFinite(loss) && loss > 0);
  if (known.length === 0) return { low: 0.01, high: 10 };
  // Whole powers of ten: the axis moves seldom.
  const high = 10 ** Math.ceil(Math.log10(Math.max(...known)));
  const low = 10 ** Math.floor(Math.log10(Math.max(high / SPAN, Math.min(...known))));
  return { low: Math.min(low, high / 10), high };
}

function actions(view: View): HTMLElement[] {
  const { t, frame } = view;
  const running = view.setting<boolean>("running");
  const trains = () => running.shown.value && frame.value?.done !== true;
  const words = { play: t("play"), pause: t("pause"), name: t("running"), tip: t("tip_running") };
  const again = () => view.command("run.again");
  const play = playButton(
    view,
    words,
    trains,
    () => false,
    () => {
      if (frame.peek()?.done === true) again();
      else running.set(!running.shown.peek());
    },
  );
  return [play, iconButton(view, "reset", t("again"), t("tip_again"), again)];
}

function status(view: View): string {
  const { t, frame } = view;
  const pair = frame.value;
  if (pair === null) return "";
  if (pair.sides.left.diverged || pair.sides.right.diverged) return t("status_diverged");
  if (pair.done) return t("status_done");
  if (view.setting<boolean>("running").shown.value) return "";
  return t("status_paused", { step: numbers(pair, "left_step").at(-1) ?? 0 });
}

export default explainer<Pair>({
  name: "training_choices",
  words: { en, es },
  read: (computed) => ({ ...(computed.meta as unknown as Pair), ...computed }),
  draw,
  actions,
  status,
  help: ["about", ["read_gap", "read_switch", "read_deep"]],
});

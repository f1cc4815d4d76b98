/** The first line: reset, play, step, the epoch, the speed, and how it stands. */

import { iconButton, playButton } from "../../shared/ui/controls.ts";
import { h, listen, setText } from "../../shared/ui/dom.ts";
import { react } from "../../shared/lifetime.ts";
import type { Context } from "./context.ts";
import { wording } from "./controls.ts";
import { formatCount, formatEpoch } from "../../shared/format.ts";

export function header(context: Context, buttons: readonly HTMLElement[]): HTMLElement {
  const { t, command } = context;
  const reset = iconButton(context, "reset", t("playground.reset"), t("playground.tip_reset"), () =>
    command("trainer.reset"),
  );
  const step = iconButton(context, "step", t("playground.step"), t("playground.tip_step"), () =>
    command("trainer.step"),
  );
  return h(
    "div",
    { class: "dl-header" },
    h("div", { class: "dl-transport" }, reset, play(context), step),
    epoch(context),
    speed(context),
    status(context),
    h("div", { class: "dl-quiet" }, ...buttons),
  );
}

function play(context: Context): HTMLElement {
  const { t, state, session } = context;
  return playButton(
    context,
    {
      play: t("playground.play"),
      pause: t("playground.pause"),
      name: t("playground.play_pause"),
      tip: t("playground.tip_play"),
    },
    () => state.shown.value === "running",
    () => session.frame.value?.epoch === 0 && state.shown.value === "idle",
    () => state.set(state.shown.peek() === "running" ? "paused" : "running"),
  );
}

function epoch({ t, session, lifetime, tips }: Context): HTMLElement {
  const value = h("span", { class: "dl-epoch-value" }, "000,000");
  const separator = t("view.group_separator");
  react(lifetime, () => {
    setText(value, formatEpoch(session.frame.value?.epoch ?? 0, separator));
  });
  const element = h(
    "div",
    { class: "dl-epoch" },
    h("span", { class: "dl-label" }, t("playground.epoch")),
    value,
  );
  tips.describe(element, t("playground.epoch"), t("playground.tip_epoch"));
  return element;
}

/** The menu of speeds as a slider, slow to full; a speed set from Python finds its place in it. */
function speed(context: Context): HTMLElement {
  const { t, settings, lifetime } = context;
  const [label, tip] = wording(context, "speed");
  const id = `${context.view}-speed`;
  const input = h("input", { id, type: "range", min: 0, step: 1, "data-setting": "speed" });
  const value = h("output", { for: id });
  let steps: (number | null)[] = [];
  react(lifetime, () => {
    const shown = settings.speed.shown.value;
    steps = [...new Set([...context.choices.speed, shown])].sort(
      (a, b) => (a ?? Infinity) - (b ?? Infinity),
    );
    input.max = String(steps.length - 1);
    input.value = String(steps.indexOf(shown));
    const text =
      shown === null
        ? t("playground.speed_full")
        : t(shown === 1 ? "playground.speed_one" : "playground.speed_many", { epochs: shown });
    input.setAttribute("aria-valuetext", text);
    setText(value, text);
  });
  listen(input, "input", lifetime, () => {
    const chosen = steps[input.valueAsNumber];
    if (chosen !== undefined) settings.speed.set(chosen);
  });
  context.tips.describe(input, label, tip);
  return h("div", { class: "dl-slider dl-speed" }, h("label", { for: id }, label), value, input);
}

function status({ t, state, session, lifetime }: Context): HTMLElement {
  const text = h("span");
  const rate = h("span", { class: "dl-rate" });
  const spoken = h("span", { class: "dl-spoken", role: "status" });
  const separator = t("view.group_separator");
  const first = () => session.frame.value?.epoch === 0;
  const sentence = () => {
    if (session.connection.value !== "live") return t(`kernel.status_${session.connection.value}`);
    if (state.shown.value === "idle" && first()) return t("playground.status_first");
    return t(`playground.status_${state.shown.value}`);
  };
  react(lifetime, () => {
    setText(text, sentence());
    setText(spoken, sentence());
  });
  react(lifetime, () => {
    const speed = session.frame.value?.epochsPerSecond ?? 0;
    const shown =
      speed > 0 && state.shown.value === "running" && session.connection.value === "live";
    const count = formatCount(speed, separator);
    setText(rate, shown ? t("playground.epochs_per_second", { count }) : "");
  });
  return h(
    "div",
    { class: "dl-status" },
    h("span", { class: "dl-status-text", "aria-hidden": "true" }, text, rate),
    spoken,
  );
}

/** The first line: reset, play, step, stop, how far it is, the learning rate; under it the progress. */

import { iconButton, playButton } from "../../../shared/ui/controls.ts";
import { h, setAttribute, setText } from "../../../shared/ui/dom.ts";
import { formatBytes, formatCount, formatDuration, formatField } from "../../../shared/format.ts";
import { react } from "../../../shared/lifetime.ts";
import { numberField } from "../../../shared/ui/number_field.ts";
import { reset, setLearningRate } from "./actions.ts";
import { type Context, offers } from "../context.ts";
import { doneShare } from "./status.ts";

export function header(context: Context, buttons: readonly HTMLElement[]): HTMLElement {
  const transport = h("div", { class: "dl-transport" }, ...transportButtons(context));
  const rate = context.runs.length === 1 && offers(context, "learning_rate");
  return h(
    "div",
    { class: "dl-head" },
    h(
      "div",
      { class: "dl-header" },
      transport.childElementCount > 0 ? transport : null,
      counter(context, "epoch"),
      counter(context, "step"),
      status(context),
      rate ? learningRate(context) : null,
      h("div", { class: "dl-quiet" }, ...buttons),
    ),
    progress(context),
  );
}

function transportButtons(context: Context): HTMLElement[] {
  const { t, lifetime, state, command, wish, status } = context;
  const parts: HTMLElement[] = [];
  const running = () => state.value === "running";
  if (offers(context, "reset")) {
    parts.push(
      iconButton(context, "reset", t("loss_plot.reset"), t("loss_plot.tip_reset"), () =>
        reset(context, null),
      ),
    );
  }
  if (offers(context, "play") || offers(context, "pause")) {
    const words = {
      play: t("loss_plot.play"),
      pause: t("loss_plot.pause"),
      name: t("loss_plot.play_pause"),
      tip: t("loss_plot.tip_play"),
    };
    const untouched = () =>
      status.value.length > 0 &&
      state.value === "idle" &&
      status.value.every(({ step }) => step === 0);
    const play = playButton(context, words, running, untouched, () => {
      if (state.peek() === "running") wish("paused", "run.pause");
      else wish("running", "run.play");
    });
    // A loop of the user's own is started by its cell.
    react(lifetime, () => {
      const can = offers(context, running() ? "pause" : "play") || state.value === "paused";
      play.disabled = !can;
    });
    parts.push(play);
  }
  if (offers(context, "step")) {
    parts.push(
      iconButton(context, "step", t("loss_plot.step"), t("loss_plot.tip_step"), () =>
        command("run.step", { run: null, steps: 1 }),
      ),
    );
  }
  if (offers(context, "stop")) {
    const stop = iconButton(context, "stop", t("loss_plot.stop"), t("loss_plot.tip_stop"), () => {
      if (active()) command("run.stop");
    });
    const active = () => state.value === "running" || state.value === "paused";
    react(lifetime, () => setAttribute(stop, "aria-disabled", active() ? null : "true"));
    parts.push(stop);
  }
  return parts;
}

/** How many are done of how many; of several runs the one that is furthest. */
function counter({ t, told, lifetime, tips }: Context, what: "epoch" | "step"): HTMLElement {
  const value = h("span", { class: "dl-count-value" });
  const of = h("span", { class: "dl-count-of" });
  const separator = t("view.group_separator");
  react(lifetime, () => {
    const runs = told.value;
    const last = runs.map((run) => (what === "epoch" ? run.lastEpoch : run.lastStep));
    setText(value, formatCount(Math.max(0, ...runs.map((run) => run[what])), separator));
    const end = last.length > 0 && last.every((number) => number !== null) ? last : null;
    setText(of, end === null ? "" : ` / ${formatCount(Math.max(...end), separator)}`);
  });
  const label = t(`loss_plot.${what}`);
  const element = h(
    "div",
    { class: `dl-count dl-count-${what}` },
    h("span", { class: "dl-label" }, label),
    h("span", {}, value, of),
  );
  tips.describe(element, label, t(`loss_plot.tip_${what}`));
  return element;
}

function status(context: Context): HTMLElement {
  const { t, state, session, lifetime } = context;
  const text = h("span");
  const rate = h("span", { class: "dl-rate" });
  const spoken = h("span", { class: "dl-spoken", role: "status" });
  react(lifetime, () => {
    const connection = session.connection.value;
    const sentence =
      connection === "live"
        ? t(`loss_plot.status_${state.value}`)
        : t(`kernel.status_${connection}`);
    setText(text, sentence);
    setText(spoken, sentence);
  });
  react(lifetime, () => {
    const speeds = context.told.value.map(({ stepsPerSecond }) => stepsPerSecond ?? 0);
    const speed = speeds.reduce((sum, value) => sum + value, 0);
    const shown = speed > 0 && state.value === "running" && session.connection.value === "live";
    setText(rate, shown ? speedText(context, speed) : "");
  });
  return h(
    "div",
    { class: "dl-status" },
    h("span", { class: "dl-status-text", "aria-hidden": "true" }, text, rate),
    spoken,
  );
}

function speedText({ t }: Context, speed: number): string {
  if (speed < 1) return t("loss_plot.seconds_per_step", { seconds: formatDuration(1 / speed) });
  const count = speed < 10 ? speed.toFixed(1) : formatCount(speed, t("view.group_separator"));
  return t("loss_plot.steps_per_second", { count });
}

function learningRate(context: Context): HTMLElement {
  const { t, lifetime, view, tips, status } = context;
  const label = t("loss_plot.learning_rate");
  const field = numberField(context, lifetime, label, `${view}-learning-rate`, (value) =>
    setLearningRate(context, null, value),
  );
  field.input.dataset["setting"] = "learning_rate";
  field.element.classList.add("dl-rate-field");
  react(lifetime, () => {
    const rate = status.value[0]?.learningRate ?? null;
    field.show(rate === null ? "" : formatField(rate));
  });
  tips.describe(field.input, label, t("loss_plot.tip_learning_rate"));
  return field.element;
}

/** The bar, and beside it what is left and where it computes. */
function progress({ t, told, state, lifetime, tips }: Context): HTMLElement {
  const bar = h("div", { class: "dl-progress-bar" });
  const track = h(
    "div",
    {
      class: "dl-progress-track",
      role: "progressbar",
      "aria-label": t("loss_plot.progress"),
      "aria-valuemin": 0,
      "aria-valuemax": 100,
    },
    bar,
  );
  const left = h("span", { class: "dl-progress-left" });
  const place = h("span", { class: "dl-progress-place" });
  let shown = -1;
  react(lifetime, () => {
    const share = doneShare(told.value);
    // A quarter of a percent more is not worth a redraw.
    const percent = share === null ? null : Math.floor(400 * share) / 4;
    if (percent !== shown) {
      shown = percent ?? -2;
      setAttribute(track, "aria-valuenow", percent === null ? null : Math.floor(percent));
      track.classList.toggle("dl-unknown", percent === null);
      bar.style.transform = `scaleX(${(percent ?? 0) / 100})`;
    }
    const seconds = Math.max(-1, ...told.value.map(({ secondsLeft }) => secondsLeft ?? -1));
    const parts = [
      percent === null ? "" : `${Math.floor(percent)} %`,
      seconds >= 0 && state.value === "running"
        ? t("loss_plot.time_left", { time: formatDuration(seconds) })
        : "",
    ];
    setText(left, parts.filter((part) => part !== "").join(" · "));
  });
  react(lifetime, () => {
    const devices = [...new Set(told.value.map(({ device }) => device))];
    const memory = Math.max(0, ...told.value.map((run) => run.memory ?? 0));
    const parts = [devices.join(", "), memory > 0 ? formatBytes(memory) : ""];
    setText(place, parts.filter((part) => part !== "").join(" · "));
  });
  tips.describe(place, t("loss_plot.device"), t("loss_plot.tip_device"));
  const element = h("div", { class: "dl-progress" }, left, track, place);
  return element;
}

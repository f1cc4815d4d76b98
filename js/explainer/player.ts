/** Plays what has steps: play, pause, one step on or back, to any of them, at one of a few speeds. */

import { type ReadonlySignal, signal } from "@preact/signals-core";

import { iconButton, playButton } from "../shared/ui/controls.ts";
import { h, listen, setAttribute, setText } from "../shared/ui/dom.ts";
import { onEnd, react } from "../shared/lifetime.ts";
import type { ExplainerView } from "./view.ts";

export interface PlayerOptions {
  /** The last step that there will be. */
  readonly end: () => number;
  /** The last that is there by now: playing waits for more; by default the end. */
  readonly ready?: () => number;
  /** Steps a second that may be chosen. */
  readonly speeds?: readonly number[];
  /** Of these the first one chosen. */
  readonly speed?: number;
}

export interface PlayerPart {
  readonly element: HTMLElement;
  /** The step that is shown, a whole number from 0. */
  readonly at: ReadonlySignal<number>;
  readonly playing: ReadonlySignal<boolean>;
  readonly play: () => void;
  readonly pause: () => void;
  /** Show a step, as far as it is there; playing goes on from it. */
  readonly seek: (step: number) => void;
}

const SPEEDS = [5, 15, 30, 60, 120] as const;
/** A page that was hidden does not make up for it. */
const LONGEST_FRAME_MS = 250;

export function player<Frame>(
  view: ExplainerView<Frame>,
  { end, ready = end, speeds = SPEEDS, speed: first = 30 }: PlayerOptions,
): PlayerPart {
  const { lifetime, tips } = view;
  const t = (key: string, params?: Readonly<Record<string, string | number>>) =>
    view.t(`view.${key}`, params);
  const at = signal(0);
  const playing = signal(false);
  const begun = signal(false);
  let speed = first;
  // Between two steps, where a frame is shorter than a step.
  let rest = 0;
  let frame: number | null = null;
  let last = 0;

  const seek = (step: number) => {
    rest = 0;
    at.value = Math.max(0, Math.min(Math.round(step), ready()));
  };
  const pause = () => (playing.value = false);
  const play = () => {
    if (at.peek() >= end()) seek(0);
    begun.value = true;
    playing.value = true;
  };
  const tick = (now: number) => {
    frame = null;
    if (!playing.peek()) return;
    rest += (speed * Math.min(now - last, LONGEST_FRAME_MS)) / 1000;
    last = now;
    const whole = Math.floor(rest);
    const to = Math.min(at.peek() + whole, ready());
    rest = to < at.peek() + whole ? 0 : rest - whole;
    at.value = to;
    if (to >= end()) playing.value = false;
    else frame = requestAnimationFrame(tick);
  };
  react(lifetime, () => {
    if (!playing.value || frame !== null) return;
    last = performance.now();
    rest = 0;
    frame = requestAnimationFrame(tick);
  });
  onEnd(lifetime, () => {
    playing.value = false;
    if (frame !== null) cancelAnimationFrame(frame);
  });
  // What is computed anew may have fewer steps, for a while.
  react(lifetime, () => {
    if (at.value > ready()) seek(ready());
  });

  const button = playButton(
    view,
    { play: t("play"), pause: t("pause"), name: t("play"), tip: t("tip_play") },
    () => playing.value,
    () => !begun.value,
    () => (playing.peek() ? pause() : play()),
  );
  const step = (by: number) => {
    pause();
    begun.value = true;
    seek(at.peek() + by);
  };
  const range = h("input", { type: "range", min: 0, step: 1, "aria-label": t("step") });
  const place = h("output", { class: "dl-step" });
  react(lifetime, () => {
    const text = t("step_of", { at: at.value, count: end() });
    range.max = String(end());
    range.value = String(at.value);
    setAttribute(range, "aria-valuetext", text);
    setText(place, `${at.value} / ${end()}`);
  });
  listen(range, "input", lifetime, () => {
    pause();
    begun.value = true;
    seek(range.valueAsNumber);
    // Beyond what is there, the knob goes back.
    range.value = String(at.peek());
  });
  tips.describe(range, t("step"), t("tip_step"));
  const choice = h(
    "select",
    { "aria-label": t("speed") },
    ...speeds.map((one) => h("option", { value: one }, t("speed_of", { speed: one }))),
  );
  choice.value = String(first);
  listen(choice, "change", lifetime, () => (speed = Number(choice.value)));
  tips.describe(choice, t("speed"), t("tip_speed"));
  const element = h(
    "div",
    { class: "dl-player" },
    button,
    iconButton(view, "rewind", t("to_start"), t("tip_to_start"), () => step(-at.peek())),
    iconButton(view, "left", t("step_back"), t("tip_step_back"), () => step(-1)),
    iconButton(view, "right", t("step_on"), t("tip_step_on"), () => step(1)),
    range,
    place,
    choice,
  );
  return { element, at, playing, play, pause, seek };
}

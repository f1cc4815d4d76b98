/** The small controls that settings are changed with. Each follows its setting, wherever it changes. */

import { h, listen, setText } from "./dom.ts";
import { icon, type IconName } from "./icons.ts";
import { react } from "../lifetime.ts";
import type { Optimistic } from "../kernel/traits.ts";
import type { Ui } from "./host.ts";

/** A setting as people meet it. */
export interface Control<T> {
  /** The setting's name in Python. */
  readonly name: string;
  readonly label: string;
  /** What it means, in one sentence. */
  readonly tip: string;
  readonly setting: Pick<Optimistic<T>, "shown" | "set">;
}

/** A menu. A value that is not on it, set from Python, is shown all the same. */
export function menu<T extends string | number | boolean | null>(
  { view, lifetime, tips }: Ui,
  { name, label, tip, setting }: Control<T>,
  choices: readonly T[],
  text: (value: T) => string,
): HTMLElement {
  const id = `${view}-${name}`;
  const select = h("select", { id, "data-setting": name });
  let values: T[] = [];
  react(lifetime, () => {
    const value = setting.shown.value;
    const wanted = choices.includes(value) ? [...choices] : [...choices, value];
    if (JSON.stringify(wanted) !== JSON.stringify(values)) {
      values = wanted;
      select.replaceChildren(
        ...values.map((choice) => h("option", { value: String(choice ?? "none") }, text(choice))),
      );
    }
    select.selectedIndex = values.indexOf(value);
  });
  listen(select, "change", lifetime, () => {
    const value = values[select.selectedIndex];
    if (value !== undefined) setting.set(value);
  });
  tips.describe(select, label, tip);
  return h("div", { class: "dl-field" }, h("label", { for: id }, label), select);
}

/** A slider with its value beside the name. */
export function slider(
  { view, lifetime, tips }: Ui,
  { name, label, tip, setting }: Control<number>,
  [low, high, step]: readonly [low: number, high: number, step: number],
  text: (value: number) => string,
): HTMLElement {
  const id = `${view}-${name}`;
  const input = h("input", { id, type: "range", min: low, max: high, step, "data-setting": name });
  const value = h("output", { for: id });
  react(lifetime, () => {
    const shown = setting.shown.value;
    // A value between two steps would be rounded by the browser and then sent back.
    input.step = Math.abs(shown / step - Math.round(shown / step)) < 1e-9 ? String(step) : "any";
    input.value = String(shown);
    input.setAttribute("aria-valuetext", text(shown));
    setText(value, text(shown));
  });
  listen(input, "input", lifetime, () => {
    const near = low + Math.round((input.valueAsNumber - low) / step) * step;
    setting.set(Number(near.toFixed(6)));
  });
  tips.describe(input, label, tip);
  return h("div", { class: "dl-slider" }, h("label", { for: id }, label), value, input);
}

export function checkBox(
  { lifetime, tips }: Ui,
  { name, label, tip, setting }: Control<boolean>,
): HTMLElement {
  const input = h("input", { type: "checkbox", "data-setting": name });
  react(lifetime, () => {
    input.checked = setting.shown.value;
  });
  listen(input, "change", lifetime, () => setting.set(input.checked));
  tips.describe(input, label, tip);
  return h("label", { class: "dl-check" }, input, label);
}

export function iconButton(
  { lifetime, tips }: Ui,
  name: IconName,
  label: string,
  tip: string,
  act: () => void,
): HTMLButtonElement {
  const button = h(
    "button",
    { type: "button", class: "dl-icon-button", "aria-label": label },
    icon(name),
  );
  listen(button, "click", lifetime, act);
  tips.describe(button, label, tip);
  return button;
}

/** The round button that begins and pauses a run; what it does follows what runs. */
export function playButton(
  { lifetime, tips }: Ui,
  words: {
    readonly play: string;
    readonly pause: string;
    readonly name: string;
    readonly tip: string;
  },
  running: () => boolean,
  /** Whether it is where one should begin. */
  first: () => boolean,
  act: () => void,
): HTMLButtonElement {
  const label = h("span");
  const button = h(
    "button",
    { type: "button", class: "dl-primary dl-play" },
    icon("play"),
    icon("pause"),
    label,
  );
  react(lifetime, () => {
    setText(label, running() ? words.pause : words.play);
    button.toggleAttribute("data-running", running());
  });
  react(lifetime, () => {
    button.toggleAttribute("data-first", first());
  });
  listen(button, "click", lifetime, act);
  tips.describe(button, words.name, words.tip);
  return button;
}

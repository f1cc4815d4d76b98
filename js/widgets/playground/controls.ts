/** The small controls that settings are changed with. Each follows its setting, wherever it changes. */

import { h, listen, setText } from "../../shared/dom.ts";
import { react } from "../../shared/lifetime.ts";
import type { Context } from "./context.ts";
import { icon, type IconName } from "./icons.ts";
import type { Interval, SettingName, SettingValues } from "./traits.ts";

/** The name of a setting and the sentence that explains it. */
export function wording(context: Context, name: SettingName): [label: string, tip: string] {
  return [context.t(`playground.${name}`), context.t(`playground.tip_${name}`)];
}

/** A menu. A value that is not on it, set from Python, is shown all the same. */
export function menu<K extends SettingName>(
  context: Context,
  name: K,
  choices: readonly SettingValues[K][],
  text: (value: SettingValues[K]) => string,
): HTMLElement {
  const setting = context.settings[name];
  const [label, tip] = wording(context, name);
  const id = `${context.view}-${name}`;
  const select = h("select", { id, "data-setting": name });
  let values: SettingValues[K][] = [];
  react(context.lifetime, () => {
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
  listen(select, "change", context.lifetime, () => {
    const value = values[select.selectedIndex];
    if (value !== undefined) setting.set(value as never);
  });
  context.tips.describe(select, label, tip);
  return h("div", { class: "dl-field" }, h("label", { for: id }, label), select);
}

type NumberSetting = "noise" | "train_ratio" | "batch_size";

/** A slider with its value beside the name. */
export function slider(
  context: Context,
  name: NumberSetting,
  [low, high, step]: Interval,
  text: (value: number) => string,
): HTMLElement {
  const setting = context.settings[name];
  const [label, tip] = wording(context, name);
  const id = `${context.view}-${name}`;
  const input = h("input", { id, type: "range", min: low, max: high, step, "data-setting": name });
  const value = h("output", { for: id });
  react(context.lifetime, () => {
    const shown = setting.shown.value;
    // A value between two steps would be rounded by the browser and then sent back.
    input.step = Math.abs(shown / step - Math.round(shown / step)) < 1e-9 ? String(step) : "any";
    input.value = String(shown);
    input.setAttribute("aria-valuetext", text(shown));
    setText(value, text(shown));
  });
  listen(input, "input", context.lifetime, () => {
    const near = low + Math.round((input.valueAsNumber - low) / step) * step;
    setting.set(Number(near.toFixed(6)));
  });
  context.tips.describe(input, label, tip);
  return h("div", { class: "dl-slider" }, h("label", { for: id }, label), value, input);
}

type FlagSetting = "shuffle" | "show_test" | "discretize";

export function checkBox(context: Context, name: FlagSetting): HTMLElement {
  const setting = context.settings[name];
  const [label, tip] = wording(context, name);
  const input = h("input", { type: "checkbox", "data-setting": name });
  react(context.lifetime, () => {
    input.checked = setting.shown.value;
  });
  listen(input, "change", context.lifetime, () => setting.set(input.checked));
  context.tips.describe(input, label, tip);
  return h("label", { class: "dl-check" }, input, label);
}

export function iconButton(
  context: Context,
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
  listen(button, "click", context.lifetime, act);
  context.tips.describe(button, label, tip);
  return button;
}

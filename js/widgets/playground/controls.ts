/** The shared controls, given the settings of a Playground by name. */

import * as shared from "../../shared/ui/controls.ts";
import type { Context } from "./context.ts";
import type { Interval, SettingName, SettingValues } from "./traits.ts";

/** The name of a setting and the sentence that explains it. */
export function wording(context: Context, name: SettingName): [label: string, tip: string] {
  return [context.t(`playground.${name}`), context.t(`playground.tip_${name}`)];
}

function control<K extends SettingName>(
  context: Context,
  name: K,
): shared.Control<SettingValues[K]> {
  const [label, tip] = wording(context, name);
  return { name, label, tip, setting: context.settings[name] };
}

type MenuSetting =
  "learning_rate" | "activation" | "regularization" | "regularization_rate" | "problem";

export function menu<K extends MenuSetting>(
  context: Context,
  name: K,
  choices: readonly SettingValues[K][],
  text: (value: SettingValues[K]) => string,
): HTMLElement {
  return shared.menu(context, control(context, name), choices, text);
}

export function slider(
  context: Context,
  name: "noise" | "train_ratio" | "batch_size",
  interval: Interval,
  text: (value: number) => string,
): HTMLElement {
  return shared.slider(context, control(context, name), interval, text);
}

export function checkBox(
  context: Context,
  name: "shuffle" | "show_test" | "discretize",
): HTMLElement {
  return shared.checkBox(context, control(context, name));
}

/** The second line: what one trains for and how, as menus. */

import { h } from "../../shared/ui/dom.ts";
import type { Context } from "./context.ts";
import { menu } from "./controls.ts";

export function settingRow(context: Context, button: HTMLElement): HTMLElement {
  const { t, choices } = context;
  const named = (prefix: string) => (value: string | null) => {
    const key = `playground.${prefix}_${value ?? "none"}`;
    const text = t(key);
    return text === key ? String(value) : text;
  };
  return h(
    "div",
    { class: "dl-settings" },
    menu(context, "learning_rate", choices.learning_rate, String),
    menu(context, "activation", choices.activation, named("activation")),
    menu(context, "regularization", choices.regularization, named("regularization")),
    menu(context, "regularization_rate", choices.regularization_rate, String),
    menu(context, "problem", choices.problem, named("problem")),
    button,
  );
}

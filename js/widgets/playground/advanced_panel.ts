/** Exact values, the seed, shuffling, and back to the same initial weights. */

import { h, listen } from "../../shared/ui/dom.ts";
import { react } from "../../shared/lifetime.ts";
import type { Context } from "./context.ts";
import { checkBox, wording } from "./controls.ts";
import { icon } from "../../shared/ui/icons.ts";
import { numberField } from "../../shared/ui/number_field.ts";
import type { Panel } from "../../shared/ui/sheet.ts";

const EXACT = [
  "learning_rate",
  "regularization_rate",
  "noise",
  "train_ratio",
  "batch_size",
  "seed",
] as const;

export function advancedPanel(context: Context): Panel {
  const { t, lifetime, tips, command, settings, view } = context;
  const rewind = h(
    "button",
    { type: "button", class: "dl-button" },
    icon("rewind"),
    h("span", {}, t("playground.rewind")),
  );
  listen(rewind, "click", lifetime, () => command("trainer.rewind"));
  tips.describe(rewind, t("playground.rewind"), t("playground.tip_rewind"));
  const fields = EXACT.map((name) => {
    const [label, tip] = wording(context, name);
    const field = numberField(context, lifetime, label, `${view}-exact-${name}`, (value) =>
      settings[name].set(value),
    );
    field.input.dataset["exact"] = name;
    react(lifetime, () => field.show(String(settings[name].shown.value)));
    tips.describe(field.input, label, tip);
    return field.element;
  });
  return {
    key: "advanced",
    label: t("playground.advanced"),
    tip: t("playground.tip_advanced"),
    labelled: true,
    icon: "tune",
    content: h(
      "div",
      { class: "dl-advanced" },
      h("div", { class: "dl-exact" }, ...fields),
      checkBox(context, "shuffle"),
      rewind,
    ),
  };
}

/** What to do first, and what the terms mean: the same sentences as in the tooltips. */

import { h } from "../../shared/ui/dom.ts";
import type { Context } from "./context.ts";
import type { Panel } from "../../shared/ui/sheet.ts";

const STEPS = ["first_play", "first_look", "first_change"] as const;

const TERMS = [
  "epoch",
  "learning_rate",
  "activation",
  "regularization",
  "regularization_rate",
  "problem",
  "train_ratio",
  "noise",
  "batch_size",
  "feature_term",
  "neuron_term",
  "weight_term",
  "loss_train",
  "loss_test",
  "overfitting",
  "discretize",
] as const;

export function helpPanel({ t }: Context): Panel {
  return {
    key: "help",
    label: t("playground.help"),
    tip: t("playground.tip_help"),
    icon: "help",
    content: h(
      "div",
      { class: "dl-help" },
      h("h4", {}, t("playground.first_title")),
      h("ol", {}, ...STEPS.map((step) => h("li", {}, t(`playground.${step}`)))),
      h("h4", {}, t("playground.terms")),
      h(
        "dl",
        {},
        ...TERMS.flatMap((term) => [
          h("dt", {}, t(`playground.${term}`)),
          h("dd", {}, t(`playground.tip_${term}`)),
        ]),
      ),
    ),
  };
}

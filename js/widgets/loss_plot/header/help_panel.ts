/** How to look at the curves, by mouse, touch and keyboard, and what the terms mean. */

import { h } from "../../../shared/ui/dom.ts";
import type { Panel } from "../../../shared/ui/sheet.ts";
import type { Context } from "../context.ts";

const GESTURES = ["drag", "wheel", "move", "all", "read", "touch", "keys"] as const;
const TERMS = ["epoch", "step", "learning_rate", "smoothing", "logarithmic", "band"] as const;

export function helpPanel({ t }: Context): Panel {
  const list = (names: readonly string[], title: (name: string) => string, prefix: string) =>
    h(
      "dl",
      {},
      ...names.flatMap((name) => [
        h("dt", {}, t(title(name))),
        h("dd", {}, t(`loss_plot.${prefix}_${name}`)),
      ]),
    );
  return {
    key: "help",
    label: t("loss_plot.help"),
    tip: t("loss_plot.tip_help"),
    icon: "help",
    content: h(
      "div",
      { class: "dl-help" },
      h("h4", {}, t("loss_plot.gestures")),
      list(GESTURES, (name) => `loss_plot.gesture_${name}`, "do"),
      h("h4", {}, t("loss_plot.terms")),
      list(TERMS, (name) => `loss_plot.${name}`, "tip"),
    ),
  };
}

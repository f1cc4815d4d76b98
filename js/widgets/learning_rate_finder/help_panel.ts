/** How to read the plot, and what the test does. */

import { h } from "../../shared/dom.ts";
import type { Panel } from "../../shared/sheet.ts";
import type { Context } from "./context.ts";

const STEPS = ["read_flat", "read_falls", "read_rises", "read_choose"] as const;

export function helpPanel({ t }: Context): Panel {
  return {
    key: "help",
    label: t("learning_rate_finder.help"),
    tip: t("learning_rate_finder.tip_help"),
    icon: "help",
    content: h(
      "div",
      { class: "dl-help" },
      h("p", {}, t("learning_rate_finder.about")),
      h("ol", {}, ...STEPS.map((step) => h("li", {}, t(`learning_rate_finder.${step}`)))),
      h("p", {}, t("learning_rate_finder.restored")),
    ),
  };
}

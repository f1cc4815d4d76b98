/** What there is to do, and how to read it. */

import { h } from "../../shared/ui/dom.ts";
import type { Panel } from "../../shared/ui/sheet.ts";
import type { Context } from "./context.ts";

const STEPS = ["draw", "layers", "unit", "seen", "change", "train"] as const;

export function helpPanel({ t }: Context): Panel {
  return {
    key: "help",
    label: t("layer_viewer.help"),
    tip: t("layer_viewer.tip_help"),
    icon: "help",
    content: h(
      "div",
      { class: "dl-help" },
      h("p", {}, t("layer_viewer.about")),
      h("ol", {}, ...STEPS.map((step) => h("li", {}, t(`layer_viewer.help_${step}`)))),
      h("p", {}, t("layer_viewer.colours")),
      h("p", {}, t("layer_viewer.keys")),
    ),
  };
}

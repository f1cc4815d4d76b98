/** What to do first, how to edit, and what the terms mean. */

import { h } from "../../shared/ui/dom.ts";
import type { Panel } from "../../shared/ui/sheet.ts";
import type { Context } from "./context.ts";

const STEPS = ["do_point", "do_edit", "do_channels", "do_image"] as const;
const TERMS = ["kernel", "padding", "stride", "dilation", "normalize"] as const;

export function helpPanel({ t }: Context): Panel {
  return {
    key: "help",
    label: t("kernel_explorer.help"),
    tip: t("kernel_explorer.tip_help"),
    icon: "help",
    content: h(
      "div",
      { class: "dl-help" },
      h("p", {}, t("kernel_explorer.about")),
      h("ol", {}, ...STEPS.map((step) => h("li", {}, t(`kernel_explorer.${step}`)))),
      h(
        "dl",
        {},
        ...TERMS.flatMap((term) => [
          h("dt", {}, t(`kernel_explorer.${term}`)),
          h("dd", {}, t(`kernel_explorer.term_${term}`)),
        ]),
      ),
    ),
  };
}

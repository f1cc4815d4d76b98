/** What to do first, and what the words mean. */

import { h } from "../../shared/ui/dom.ts";
import type { Panel } from "../../shared/ui/sheet.ts";
import type { Context } from "./context.ts";

const STEPS = ["first_play", "first_point", "first_change", "first_matrix"] as const;
const TERMS = [
  "input_size",
  "kernel_size",
  "stride",
  "padding",
  "dilation",
  "output_padding",
  "groups",
  "layers",
] as const;

export function helpPanel({ t }: Context): Panel {
  const word = (name: string) => t(`convolution_explorer.${name}`);
  return {
    key: "help",
    label: word("help"),
    tip: word("tip_help"),
    icon: "help",
    content: h(
      "div",
      { class: "dl-help" },
      h("h4", {}, word("first_title")),
      h("ol", {}, ...STEPS.map((step) => h("li", {}, word(step)))),
      h("h4", {}, word("terms")),
      h(
        "dl",
        {},
        ...TERMS.flatMap((name) => [h("dt", {}, word(name)), h("dd", {}, word(`tip_${name}`))]),
      ),
      h("p", { class: "dl-source" }, word("guide")),
    ),
  };
}

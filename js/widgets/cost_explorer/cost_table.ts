/** Every cost of the same answer: what it is, and how hard it pulls on the right one. */

import { react } from "../../shared/lifetime.ts";
import { h, setAttribute, setText } from "../../shared/ui/dom.ts";
import type { View } from "./costs.ts";

/** @param rows name, cost and pull of each; as many as there are costs. */
export function costTable(
  { t, frame, lifetime }: View,
  words: string,
  rows: () => readonly (readonly [name: string, cost: string, pull: string])[],
): HTMLElement {
  const body = h("tbody");
  react(lifetime, () => {
    const shown = rows();
    while (body.rows.length < shown.length) {
      body.append(h("tr", {}, h("th", { scope: "row" }), h("td"), h("td")));
    }
    shown.forEach((texts, i) => {
      const row = body.rows[i]!;
      texts.forEach((text, column) => setText(row.cells[column]!, text));
      setAttribute(row, "data-chosen", i === frame.value?.chosen);
    });
  });
  const heads = [words, "cost_value", "cost_pull"].map((key) => h("th", { scope: "col" }, t(key)));
  return h("table", { class: "dl-costs" }, h("thead", {}, h("tr", {}, ...heads)), body);
}

/** Charts beside one another that are read together: one cursor, headings, facts under each. */

import { signal } from "@preact/signals-core";

import { h, setText } from "../shared/ui/dom.ts";
import { react } from "../shared/lifetime.ts";
import { chart, type ChartOptions } from "./chart.ts";
import type { ExplainerView } from "./view.ts";
import "./side_by_side.css";

export interface Side extends Omit<ChartOptions, "cursor"> {
  readonly key: string;
  readonly heading: () => string;
  /** Stands beside the heading, such as the control of what is different here. */
  readonly control?: HTMLElement;
  /** Names and values under the chart; as many each time. */
  readonly facts?: () => readonly (readonly [name: string, value: string])[];
}

/**
 * @param together whether the charts share their x-axis, so that the cursor moves in all at once.
 */
export function sideBySide<Frame>(
  view: ExplainerView<Frame>,
  sides: readonly Side[],
  together = true,
): HTMLElement {
  const cursor = signal<number | null>(null);
  return h(
    "div",
    { class: "dl-sides" },
    ...sides.map(({ key, heading, control, facts, ...options }) => {
      const title = h("h4");
      react(view.lifetime, () => setText(title, heading()));
      const list = h("div", { class: "dl-facts", hidden: facts === undefined });
      if (facts !== undefined) react(view.lifetime, () => showFacts(list, facts()));
      const part = chart(view, together ? { ...options, cursor } : options);
      return h(
        "section",
        { class: "dl-side", "data-side": key },
        h("div", { class: "dl-side-head" }, title, control ?? null),
        part.element,
        list,
      );
    }),
  );
}

function showFacts(
  list: HTMLElement,
  facts: readonly (readonly [name: string, value: string])[],
): void {
  while (list.childElementCount < facts.length) {
    const name = h("span", { class: "dl-label" });
    list.append(h("div", { class: "dl-fact" }, name, h("span", { class: "dl-fact-value" })));
  }
  facts.forEach(([name, value], i) => {
    const [term, told] = list.children[i]!.children;
    setText(term!, name);
    setText(told!, value);
  });
}

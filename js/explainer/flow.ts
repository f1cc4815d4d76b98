/** Boxes in their order with arrows between them, each with numbers; one of them may be chosen. */

import type { Signal } from "@preact/signals-core";

import { h, listen, setAttribute, setText } from "../shared/ui/dom.ts";
import { react } from "../shared/lifetime.ts";
import type { ExplainerView } from "./view.ts";
import "./flow.css";

export interface FlowBox {
  readonly key: string;
  readonly title: string;
  /** What it means, in one sentence. */
  readonly tip: string;
  /** Its place where there is room for several columns, counted from 1; else one below another. */
  readonly row: number;
  readonly column: number;
  /** Where its arrow points to: the next box; null for the last one. */
  readonly next: "right" | "left" | "down" | null;
  /** As many lines each time, so that nothing jumps. */
  readonly lines: () => readonly string[];
  /** From 0 to 1, drawn as a bar at its foot; null for none. */
  readonly share?: () => number | null;
}

export interface FlowOptions {
  readonly label: string;
  readonly boxes: readonly FlowBox[];
  /** Whether something flows now: then the arrows move. */
  readonly running: () => boolean;
  readonly chosen: Signal<string | null>;
}

export function flow<Frame>(view: ExplainerView<Frame>, options: FlowOptions): HTMLElement {
  const { label, boxes, running } = options;
  const columns = Math.max(...boxes.map(({ column }) => column));
  const made = boxes.map((box, i) => button(view, box, i + 1, options));
  const element = h(
    "div",
    { class: "dl-flow", role: "group", "aria-label": label, style: `--columns:${columns}` },
    ...made,
  );
  react(view.lifetime, () => setAttribute(element, "data-running", running()));
  return element;
}

function button<Frame>(
  { lifetime, tips }: ExplainerView<Frame>,
  { key, title, tip, row, column, next, lines, share }: FlowBox,
  number: number,
  { chosen }: FlowOptions,
): HTMLElement {
  const said = h("span", { class: "dl-flow-lines" });
  const bar = h("span", { class: "dl-flow-bar", hidden: share === undefined });
  const element = h(
    "button",
    {
      type: "button",
      class: "dl-flow-box",
      "data-box": key,
      "data-next": next,
      style: `--row:${row};--column:${column}`,
    },
    h("span", { class: "dl-flow-number", "aria-hidden": "true" }, String(number)),
    h("span", { class: "dl-flow-title" }, title),
    said,
    bar,
  );
  react(lifetime, () => {
    const texts = lines();
    while (said.childElementCount < texts.length) said.append(h("span"));
    texts.forEach((text, i) => setText(said.children[i]!, text));
  });
  if (share !== undefined) {
    react(lifetime, () => bar.style.setProperty("--share", String(share() ?? 0)));
  }
  react(lifetime, () => setAttribute(element, "aria-pressed", String(chosen.value === key)));
  listen(element, "click", lifetime, () => {
    chosen.value = chosen.peek() === key ? null : key;
  });
  tips.describe(element, title, tip);
  return element;
}

/** Several classes: logits to drag, their probabilities, and how hard each cost pulls on them. */

import { bars } from "../../explainer/bars.ts";
import { formatRate, formatValue } from "../../shared/format.ts";
import { react } from "../../shared/lifetime.ts";
import { iconButton } from "../../shared/ui/controls.ts";
import { h } from "../../shared/ui/dom.ts";
import { costTable } from "./cost_table.ts";
import { during, type View } from "./costs.ts";

const MOST = 10;
const LEAST = 2;
const HEAVIEST = 10;

export function classes(view: View): HTMLElement[] {
  const { t, setting, lifetime } = view;
  const logits = setting<readonly number[]>("logits");
  const weights = setting<readonly number[]>("weights");
  const costs = () => during(view, "classes");
  const each = (array: string) => [...(costs()?.array(array) ?? [])];
  const label = (i: number) => String(i);
  const chosen = (i: number) => i === costs()?.right;
  const gradient = () => [...(costs()?.rows("gradients")[costs()!.chosen] ?? [])];

  const dragged = bars(view, {
    label: t("logits"),
    bars: () =>
      logits.shown.value.map((value, i) => ({
        label: label(i),
        value,
        text: value.toFixed(1).replace("-", "−"),
        chosen: chosen(i),
      })),
    range: () => ({ low: -8, high: 8 }),
    step: 0.1,
    choose: {
      label: (bar) => t("choose_right", { name: bar.label }),
      act: (index) => setting<number>("right").set(index),
    },
    drag: (index, value) => {
      logits.set(logits.shown.peek().map((old, i) => (i === index ? value : old)));
    },
  });
  const probabilities = bars(view, {
    label: t("probabilities"),
    bars: () =>
      each("probabilities").map((value, i) => ({
        label: `→ ${formatRate(costs()?.array("target")[i] ?? 0)}`,
        value,
        text: formatRate(value),
        chosen: chosen(i),
      })),
    range: () => ({ low: 0, high: 1 }),
  });
  const pulls = bars(view, {
    label: t("pulls"),
    bars: () =>
      gradient().map((value, i) => ({
        label: label(i),
        value: -value,
        text: formatRate(-value).replace("-", "−"),
        chosen: chosen(i),
      })),
    range: () => {
      const most = Math.max(1, ...gradient().map(Math.abs));
      return { low: -most, high: most };
    },
  });

  const counted = () => logits.shown.value.map((_, i) => weights.shown.value[i] ?? 1);
  const weighed = h(
    "section",
    { class: "dl-weights" },
    h("h4", {}, t("weights")),
    bars(view, {
      label: t("weights"),
      bars: () =>
        counted().map((value, i) => ({
          label: label(i),
          value,
          text: value.toFixed(1),
          chosen: chosen(i),
        })),
      range: () => ({ low: 0, high: HEAVIEST }),
      step: 0.1,
      drag: (index, value) => {
        weights.set(counted().map((old, i) => (i === index ? value : old)));
      },
    }),
  );
  react(lifetime, () => (weighed.hidden = costs()?.counting.includes("weights") !== true));

  const less = iconButton(view, "minus", t("fewer_classes"), t("tip_fewer_classes"), () => {
    const now = logits.shown.peek();
    if (now.length > LEAST) logits.set(now.slice(0, -1));
  });
  const more = iconButton(view, "plus", t("more_classes"), t("tip_more_classes"), () => {
    const now = logits.shown.peek();
    if (now.length < MOST) logits.set([...now, 0]);
  });
  react(lifetime, () => {
    const { length } = logits.shown.value;
    less.setAttribute("aria-disabled", String(length <= LEAST));
    more.setAttribute("aria-disabled", String(length >= MOST));
  });
  less.classList.add("dl-small");
  more.classList.add("dl-small");

  const section = (name: string, ...parts: HTMLElement[]) =>
    h("section", {}, h("h4", {}, t(name)), ...parts);
  return [
    h(
      "div",
      { class: "dl-grid" },
      h(
        "section",
        {},
        h("div", { class: "dl-line" }, h("h4", {}, t("logits")), less, more),
        dragged,
      ),
      section("pulls", pulls),
      h("div", {}, section("probabilities", probabilities), weighed),
      section(
        "costs",
        costTable(view, "class_cost", () => {
          const found = costs();
          if (found === null) return [];
          const rows = found.rows("gradients");
          return found.names.map((name, i) => [
            name,
            formatValue(found.array("costs")[i]!),
            formatValue(-rows[i]![found.right]!),
          ]);
        }),
      ),
    ),
  ];
}

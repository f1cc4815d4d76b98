/** The inputs one can choose from, each with its heat map; a click puts one in or takes it out. */

import { SmallHeatmap } from "../../../draw/heatmap.ts";
import { h, listen, setAttribute } from "../../../shared/ui/dom.ts";
import { react } from "../../../shared/lifetime.ts";
import type { Context } from "../context.ts";
import { featureLabel } from "./formula.ts";
import { SIDE } from "../frame.ts";
import type { Picture } from "./picture.ts";

export function featureNodes(context: Context, { layout, shape }: Picture): HTMLElement {
  const { t, choices, settings, data, selection, table, tips, lifetime } = context;
  const nodes = choices.features.map((name) => {
    const canvas = h("canvas", { "aria-hidden": "true" });
    const label = featureLabel(name);
    const button = h(
      "button",
      {
        type: "button",
        class: "dl-node dl-feature",
        "data-feature": name,
        "aria-label": t("playground.feature", { name: label }),
      },
      canvas,
    );
    const element = h(
      "div",
      {},
      h("span", { class: "dl-feature-label", "aria-hidden": "true" }, label),
      button,
    );
    const target = { kind: "feature", name } as const;
    listen(button, "click", lifetime, () => toggle(name));
    listen(button, "pointerenter", lifetime, () => (selection.hovered.value = target));
    listen(button, "focus", lifetime, () => (selection.hovered.value = target));
    listen(button, "pointerleave", lifetime, () => (selection.hovered.value = null));
    listen(button, "blur", lifetime, () => (selection.hovered.value = null));
    tips.describe(button, t("playground.feature", { name: label }), t("playground.tip_feature"));
    return {
      element,
      button,
      label: element.firstElementChild as HTMLElement,
      heatmap: new SmallHeatmap(canvas, SIDE, 2),
    };
  });

  function toggle(name: string): void {
    const used = settings.features.shown.peek();
    const after = choices.features.filter((other) => used.includes(other) !== (other === name));
    settings.features.set(after);
  }

  react(lifetime, () => {
    layout.value.features.forEach(({ x, y, size }, i) => {
      const node = nodes[i]!;
      place(node.button, x, y, size);
      Object.assign(node.label.style, {
        top: `${y}px`,
        width: `${x - 8}px`,
        lineHeight: `${size}px`,
      });
    });
  });
  react(lifetime, () => {
    choices.features.forEach((name, i) => {
      setAttribute(nodes[i]!.button, "aria-pressed", String(shape.value.features.includes(name)));
    });
  });
  react(lifetime, () => {
    const maps = data.featureMaps.value;
    if (maps !== null) nodes.forEach(({ heatmap }, i) => heatmap.draw(maps, i, table.value));
  });
  return h(
    "div",
    { role: "group", "aria-label": t("playground.features"), "data-setting": "features" },
    ...nodes.map(({ element }) => element),
  );
}

export function place(node: HTMLElement, x: number, y: number, size: number): void {
  Object.assign(node.style, {
    left: `${x}px`,
    top: `${y}px`,
    width: `${size}px`,
    height: `${size}px`,
  });
}

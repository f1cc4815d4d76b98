/** Neurons and the output, each with its heat map: hover enlarges, click opens the card. */

import { signal } from "@preact/signals-core";

import { SmallHeatmap } from "../../../draw/heatmap.ts";
import { h, listen, setAttribute } from "../../../shared/ui/dom.ts";
import { onEnd, react, within } from "../../../shared/lifetime.ts";
import type { Context } from "../context.ts";
import { place } from "./feature_nodes.ts";
import { formatWeight } from "../../../shared/format.ts";
import { SIDE, unitIndex } from "../frame.ts";
import { unitExists, unitName, unitParameters } from "./naming.ts";
import type { Picture } from "./picture.ts";
import type { Unit } from "./selection.ts";

interface Node extends Unit {
  readonly button: HTMLButtonElement;
  readonly canvas: HTMLCanvasElement;
  readonly ended: AbortController;
  heatmap: SmallHeatmap;
}

export function unitNodes(context: Context, picture: Picture): HTMLElement {
  const { t, selection, table, lifetime } = context;
  const { layout, shape, frame } = picture;
  const nodes = new Map<string, Node>();
  const group = h("div", { role: "group", "aria-label": t("playground.neurons") });
  // One of the units is in the order of Tab; arrows go on from there.
  let reachable = "0.0";
  const placed = signal<readonly Node[]>([]);

  react(lifetime, () => {
    const ratio = devicePixelRatio || 1;
    const wanted = new Set<string>();
    layout.value.layers.forEach((layer, l) => {
      layer.forEach(({ x, y, size }, unit) => {
        const key = `${l}.${unit}`;
        wanted.add(key);
        const node = nodes.get(key) ?? add(key, { layer: l, unit });
        place(node.button, x, y, size);
        const step = fittingStep(size * ratio);
        if (node.heatmap.step !== step) node.heatmap = new SmallHeatmap(node.canvas, SIDE, step);
        setAttribute(node.button, "aria-label", unitName(t, shape.peek(), node));
        setAttribute(node.button, "data-output", l === layout.value.layers.length - 1);
      });
    });
    for (const [key, node] of nodes) if (!wanted.has(key)) remove(key, node);
    if (!nodes.has(reachable)) reachable = "0.0";
    for (const [key, { button }] of nodes) button.tabIndex = key === reachable ? 0 : -1;
    placed.value = [...nodes.values()];
  });

  react(lifetime, () => {
    const { units = null, hidden = [] } = frame.value ?? {};
    if (units === null) return;
    for (const node of placed.value) {
      node.heatmap.draw(units, unitIndex(hidden, node.layer, node.unit), table.value);
    }
  });

  react(lifetime, () => {
    const pinned = selection.pinned.value;
    if (pinned !== null && !unitExists(shape.value, pinned)) selection.pinned.value = null;
    for (const { button, layer, unit } of placed.value) {
      setAttribute(
        button,
        "aria-expanded",
        String(pinned?.layer === layer && pinned.unit === unit),
      );
    }
  });

  function add(key: string, unit: Unit): Node {
    const ended = within(lifetime);
    const canvas = h("canvas", { "aria-hidden": "true" });
    const button = h(
      "button",
      { type: "button", class: "dl-node dl-unit", "data-unit": key, tabindex: -1 },
      canvas,
    );
    const node = { ...unit, button, canvas, ended, heatmap: new SmallHeatmap(canvas, SIDE, 2) };
    const target = { kind: "unit", ...unit } as const;
    const { signal } = ended;
    listen(button, "pointerenter", signal, () => (selection.hovered.value = target));
    listen(button, "pointerleave", signal, () => (selection.hovered.value = null));
    listen(button, "blur", signal, () => (selection.hovered.value = null));
    listen(button, "focus", signal, () => {
      if (button.matches(":focus-visible")) selection.hovered.value = target;
      nodes.get(reachable)?.button.setAttribute("tabindex", "-1");
      button.tabIndex = 0;
      reachable = key;
    });
    listen(button, "click", signal, () => {
      const { pinned } = selection;
      const open = pinned.value?.layer === unit.layer && pinned.value.unit === unit.unit;
      pinned.value = open ? null : unit;
    });
    listen(button, "keydown", signal, (event) => {
      const [across, down] = ARROWS[event.key] ?? [0, 0];
      const next = neighbour(unit, across, down);
      if (next === undefined) return;
      event.preventDefault();
      next.focus();
    });
    context.tips.explain(button, () => {
      const { bias } = unitParameters(shape.peek(), unit);
      const value = frame.peek()?.parameters[bias];
      const text =
        value === undefined ? "" : t("playground.tip_unit", { bias: formatWeight(value) });
      return { name: unitName(t, shape.peek(), unit), text };
    });
    nodes.set(key, node);
    group.append(button);
    return node;
  }

  function remove(key: string, { button, ended }: Node): void {
    if (button.matches(":hover, :focus")) selection.hovered.value = null;
    ended.abort();
    button.remove();
    nodes.delete(key);
  }

  function neighbour({ layer, unit }: Unit, across: number, down: number) {
    const column = layout.peek().layers[layer + across];
    if (across === 0 && down === 0) return undefined;
    if (column === undefined) return undefined;
    const row = Math.min(unit + down, column.length - 1);
    return nodes.get(`${layer + across}.${row}`)?.button;
  }

  onEnd(lifetime, () => nodes.clear());
  return group;
}

const ARROWS: Readonly<Record<string, readonly [across: number, down: number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/** No more cells than the node has pixels: a large network has more than a hundred nodes. */
function fittingStep(pixels: number): number {
  if (pixels >= 60) return 1;
  return pixels >= 26 ? 2 : 4;
}

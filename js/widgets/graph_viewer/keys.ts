/** What the keyboard does on a graph. */

import { type Way, beginning, walk } from "../../draw/graph/walk.ts";
import { listen } from "../../shared/ui/dom.ts";
import type { Context, Shown } from "./context.ts";

export interface Keys {
  readonly index: number;
  readonly shown: () => Shown | null;
  readonly zoom: (factor: number) => void;
  readonly pan: (dx: number, dy: number) => void;
  readonly fit: () => void;
}

const STEP_PX = 60;
const CLOSER = 1.25;

export function followKeys(context: Context, area: HTMLElement, keys: Keys): void {
  listen(area, "keydown", context.lifetime, (event) => {
    if (event.altKey || event.metaKey || !press(context, keys, event)) return;
    event.preventDefault();
    // JupyterLab has other plans for these keys.
    event.stopPropagation();
  });
}

function press(context: Context, keys: Keys, { key, shiftKey, ctrlKey }: KeyboardEvent): boolean {
  const shown = keys.shown();
  if (shown === null) return false;
  const arrow = /^Arrow(Up|Down|Left|Right)$/.exec(key)?.[1];
  if (arrow !== undefined) {
    const by = { Up: [0, STEP_PX], Down: [0, -STEP_PX], Left: [STEP_PX, 0], Right: [-STEP_PX, 0] };
    if (shiftKey || ctrlKey) keys.pan(...(by[arrow as keyof typeof by] as [number, number]));
    else step(context, keys, shown, wayOf(arrow, shown.placed.direction));
    return true;
  }
  if (ctrlKey) return false;
  const item = chosenIn(context, shown);
  switch (key) {
    case "Enter":
    case " ":
      if (item >= 0 && shown.drawn.opens(item)) context.toggle(keys.index, item);
      return true;
    case "Escape":
    case "Backspace": {
      const around = item < 0 ? -1 : shown.drawn.groups.parent(item);
      if (item < 0) return false;
      if (around === shown.drawn.root || around < 0) context.chosen.set(null);
      else context.goTo(keys.index, around);
      return true;
    }
    case "+":
    case "=":
      keys.zoom(CLOSER);
      return true;
    case "-":
      keys.zoom(1 / CLOSER);
      return true;
    case "0":
      keys.fit();
      return true;
    case "Home":
    case "End": {
      const items = shown.drawn.groups.inside(shown.drawn.root).items;
      const found = key === "Home" ? beginning(shown.drawn.groups, shown.placed) : items.at(-1);
      if (found != null) context.goTo(keys.index, found);
      return true;
    }
    case "/":
      context.root.querySelector<HTMLInputElement>(".dl-search input")?.focus();
      return true;
    default:
      return false;
  }
}

function wayOf(arrow: string, direction: "down" | "right"): Way {
  const ways: Readonly<Record<string, Way>> =
    direction === "down"
      ? { Down: "forward", Up: "backward", Left: "left", Right: "right" }
      : { Right: "forward", Left: "backward", Up: "left", Down: "right" };
  return ways[arrow]!;
}

function step(context: Context, { index }: Keys, { drawn, placed }: Shown, way: Way): void {
  const item = drawn.item(context.chosen.shown.peek());
  const open = context.opened.peek()[index]!;
  const from = item < 0 ? -1 : drawn.groups.shown(item, open);
  const to = from < 0 ? beginning(drawn.groups, placed) : walk(drawn.groups, placed, from, way);
  if (to !== null) context.goTo(index, to);
  else context.said.value = context.t("way_ends");
}

function chosenIn({ chosen }: Context, { drawn }: Shown): number {
  return drawn.item(chosen.shown.peek());
}

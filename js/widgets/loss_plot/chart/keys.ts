/** The chart by keyboard: read, zoom, move. */

import { listen } from "../../../shared/ui/dom.ts";
import type { Context } from "../context.ts";
import type { Cursor } from "./cursor.ts";
import type { Navigation } from "./navigation.ts";

const ZOOM = 0.7;
const PAN = 0.1;

export function followKeys(
  { lifetime }: Context,
  area: HTMLElement,
  navigation: Navigation,
  cursor: Cursor,
): void {
  const at = () => cursor.share() ?? 0.5;
  const acts: Record<string, () => void> = {
    ArrowLeft: () => cursor.step(-1),
    ArrowRight: () => cursor.step(1),
    Home: () => cursor.moveTo(0),
    End: () => cursor.moveTo(1),
    PageUp: () => void navigation.pan(-10 * PAN),
    PageDown: () => void navigation.pan(10 * PAN),
    "+": () => void navigation.zoom(ZOOM, at()),
    "=": () => void navigation.zoom(ZOOM, at()),
    "-": () => void navigation.zoom(1 / ZOOM, at()),
    ArrowUp: () => void navigation.zoom(ZOOM, at()),
    ArrowDown: () => void navigation.zoom(1 / ZOOM, at()),
    "0": () => navigation.all(),
    Escape: () => cursor.moveTo(null),
  };
  listen(area, "keydown", lifetime, (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const pan = event.shiftKey && event.key.startsWith("Arrow");
    const act = pan
      ? () => void navigation.pan(event.key === "ArrowLeft" ? -PAN : PAN)
      : acts[event.key];
    if (act === undefined) return;
    act();
    event.preventDefault();
    // The notebook has commands on single keys.
    event.stopPropagation();
  });
  listen(area, "blur", lifetime, () => cursor.moveTo(null));
}

/** Pictures of many numbers: nobody reads them sixty times a second, and they cost as much. */

import { onEnd } from "../../shared/lifetime.ts";

/** Up to so many numbers in a row are drawn at once. */
const READABLE = 7;
const APART_MS = 60;

/**
 * Draws `size` numbers in a row at once; more than are read at a glance not sooner than a moment
 * after the last time, and then only what was asked for last.
 */
export function calmly(lifetime: AbortSignal): (size: number, draw: () => void) => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let due = -Infinity;
  onEnd(lifetime, () => clearTimeout(timer));
  return (size, draw) => {
    clearTimeout(timer);
    const now = () => {
      due = performance.now() + APART_MS;
      draw();
    };
    const wait = due - performance.now();
    if (size > READABLE && wait > 0) timer = setTimeout(now, wait);
    else now();
  };
}

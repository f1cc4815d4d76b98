/** The animation: one output after the other, round and round until it is paused. */

import { onEnd, react } from "../../../shared/lifetime.ts";
import type { Context } from "../context.ts";

const SLOWEST_MS = 700;
const FASTEST_MS = 60;
/** How long one round of many outputs takes. */
const ROUND_MS = 20_000;

export function runPlayer({ lifetime, playing, position, positions, hovered }: Context): void {
  let timer: ReturnType<typeof setInterval> | null = null;
  const stop = () => {
    if (timer !== null) clearInterval(timer);
    timer = null;
  };
  react(lifetime, () => {
    stop();
    if (!playing.value) return;
    const pace = Math.min(SLOWEST_MS, Math.max(FASTEST_MS, ROUND_MS / positions.value));
    timer = setInterval(() => {
      // It waits while one looks closer.
      if (hovered.peek() === null) position.value = (position.peek() + 1) % positions.peek();
    }, pace);
  });
  onEnd(lifetime, stop);
}

/** Go on by so many outputs, and stay there. */
export function step({ playing, pinned, position, positions }: Context, by: number): void {
  playing.value = false;
  pinned.value = null;
  position.value = (position.peek() + by + positions.peek()) % positions.peek();
}

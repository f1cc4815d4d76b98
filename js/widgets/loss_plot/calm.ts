/** Numbers that people read change about twice a second, not with each picture. */

import { type ReadonlySignal, signal } from "@preact/signals-core";

import { onEnd, react, track } from "../../shared/lifetime.ts";

/** Every third message of a run that nobody touches: text costs the page as much as the curves. */
const APART_MS = 500;

/** What no beat has told by then is told without. */
const LATE_MS = 800;

/**
 * The source, a little later where it changes fast; at once when `urgent` differs.
 *
 * @param beat told with its changes, so that numbers and picture are painted in one frame.
 */
export function calm<T>(
  source: ReadonlySignal<T>,
  urgent: (value: T) => string,
  beat: ReadonlySignal<unknown>,
  lifetime: AbortSignal,
): ReadonlySignal<T> {
  const told = signal(source.peek());
  let timer: ReturnType<typeof setTimeout> | undefined;
  let shown = urgent(source.peek());
  let when = -Infinity;
  const tell = () => {
    clearTimeout(timer);
    timer = undefined;
    when = performance.now();
    shown = urgent(source.peek());
    told.value = source.peek();
  };
  react(lifetime, () => {
    if (urgent(source.value) !== shown) tell();
    else timer ??= setTimeout(tell, LATE_MS);
  });
  react(lifetime, () => {
    track(beat);
    if (timer !== undefined && performance.now() - when >= APART_MS) tell();
  });
  onEnd(lifetime, () => clearTimeout(timer));
  return told;
}

/** Numbers that people read change a few times a second, not with each picture. */

import { type ReadonlySignal, signal } from "@preact/signals-core";

import { onEnd, react } from "../../shared/lifetime.ts";

const APART_MS = 200;

/** The source, a little later where it changes fast; at once when `urgent` differs. */
export function calm<T>(
  source: ReadonlySignal<T>,
  urgent: (value: T) => string,
  lifetime: AbortSignal,
): ReadonlySignal<T> {
  const told = signal(source.peek());
  let timer: ReturnType<typeof setTimeout> | null = null;
  let shown = urgent(source.peek());
  const stop = () => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
  };
  const tell = () => {
    shown = urgent(source.peek());
    told.value = source.peek();
  };
  react(lifetime, () => {
    const now = urgent(source.value);
    if (now !== shown) {
      stop();
      tell();
    } else {
      timer ??= setTimeout(() => {
        timer = null;
        tell();
      }, APART_MS);
    }
  });
  onEnd(lifetime, stop);
  return told;
}

/** Numbers that people read change two or three times a second, not with each picture. */

import { type ReadonlySignal, signal } from "@preact/signals-core";

import { onEnd, react } from "../../shared/lifetime.ts";

/** A little less than two messages of a run that nobody touches are apart. */
const APART_MS = 350;

/** The source, a little later where it changes fast; at once when `urgent` differs. */
export function calm<T>(
  source: ReadonlySignal<T>,
  urgent: (value: T) => string,
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
    const left = when + APART_MS - performance.now();
    if (urgent(source.value) !== shown || left <= 0) tell();
    else timer ??= setTimeout(tell, left);
  });
  onEnd(lifetime, () => clearTimeout(timer));
  return told;
}

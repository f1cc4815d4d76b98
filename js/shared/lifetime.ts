/** An AbortSignal is the owner of everything that a view starts; when it aborts, all of it ends. */

import { effect, type ReadonlySignal } from "@preact/signals-core";

export function onEnd(lifetime: AbortSignal, end: () => void): void {
  if (lifetime.aborted) end();
  else lifetime.addEventListener("abort", end, { once: true });
}

/** Run `react` now and whenever a signal that it reads changes. */
export function react(lifetime: AbortSignal, reaction: () => void): void {
  if (!lifetime.aborted) onEnd(lifetime, effect(reaction));
}

/** A lifetime that ends with its parent or earlier, without leaving a listener on the parent. */
export function within(parent: AbortSignal): AbortController {
  const child = new AbortController();
  if (parent.aborted) child.abort();
  else {
    const end = () => child.abort();
    parent.addEventListener("abort", end, { once: true, signal: child.signal });
  }
  return child;
}

/** In a reaction: react to these too. */
export function track(...signals: readonly ReadonlySignal<unknown>[]): void {
  signals.forEach(({ value }) => value);
}

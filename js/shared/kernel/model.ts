/** Traits of an anywidget model as signals. Only Python writes them. */

import { signal, type ReadonlySignal } from "@preact/signals-core";

import { onEnd } from "../lifetime.ts";

/** What this code needs of an anywidget model. */
export interface Model {
  get(name: string): unknown;
  on(event: string, callback: (...args: never[]) => void): void;
  off(event: string, callback: (...args: never[]) => void): void;
  send(content: unknown, callbacks?: unknown, buffers?: ArrayBuffer[]): void;
}

/** The trait `name`, followed until the lifetime ends. */
export function trait<T>(model: Model, name: string, lifetime: AbortSignal): ReadonlySignal<T> {
  const current = signal(model.get(name) as T);
  const follow = () => (current.value = model.get(name) as T);
  model.on(`change:${name}`, follow);
  onEnd(lifetime, () => model.off(`change:${name}`, follow));
  return current;
}

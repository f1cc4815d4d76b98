/** Observers that jsdom lacks, and a count of everything that could outlive a view. */

import { vi } from "vitest";

export interface Census {
  /** Observers that still observe. */
  readonly observers: () => number;
  /** Listeners on what is there before and after a view. */
  readonly listeners: () => number;
  /** Tell all intersection observers. */
  readonly scrollTo: (onScreen: boolean) => void;
}

export function takeCensus(): Census {
  const observing = new Set<object>();
  const watchers = new Map<object, (onScreen: boolean) => void>();

  for (const name of ["ResizeObserver", "IntersectionObserver", "MutationObserver"] as const) {
    const Original = name === "MutationObserver" ? MutationObserver : null;
    vi.stubGlobal(
      name,
      class {
        readonly #original: MutationObserver | null;
        constructor(callback: (entries: object[], observer: never) => void) {
          this.#original = Original && new Original(callback as MutationCallback);
          if (name === "IntersectionObserver") {
            watchers.set(this, (isIntersecting) => callback([{ isIntersecting }], this as never));
          }
        }
        observe(target: Element, options?: MutationObserverInit): void {
          observing.add(this);
          this.#original?.observe(target, options);
        }
        disconnect(): void {
          observing.delete(this);
          watchers.delete(this);
          this.#original?.disconnect();
        }
      },
    );
  }

  const kept: EventTarget[] = [window, document, document.documentElement, document.body];
  const listeners = new Set<string>();
  const names = new WeakMap<object, number>();
  let count = 0;
  const nameOf = (value: object): number => {
    if (!names.has(value)) names.set(value, ++count);
    return names.get(value)!;
  };
  for (const target of kept) {
    const add = target.addEventListener.bind(target);
    const remove = target.removeEventListener.bind(target);
    const key = (type: string, listener: object) => `${nameOf(target)} ${type} ${nameOf(listener)}`;
    vi.spyOn(target, "addEventListener").mockImplementation((type, listener, options) => {
      if (listener === null) return;
      listeners.add(key(type, listener));
      const signal = typeof options === "object" ? options.signal : undefined;
      signal?.addEventListener("abort", () => listeners.delete(key(type, listener)));
      add(type, listener, options);
    });
    vi.spyOn(target, "removeEventListener").mockImplementation((type, listener, options) => {
      if (listener !== null) listeners.delete(key(type, listener));
      remove(type, listener, options);
    });
  }
  return {
    observers: () => observing.size,
    listeners: () => listeners.size,
    scrollTo: (onScreen) => watchers.forEach((tell) => tell(onScreen)),
  };
}

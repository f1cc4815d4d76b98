/** Traits of an anywidget model as signals, and the values that are asked for ahead of them. */

import { computed, signal, type ReadonlySignal } from "@preact/signals-core";

import { onEnd } from "../lifetime.ts";
import { SingleFlight } from "./single_flight.ts";

/** What this code needs of an anywidget model. */
export interface Model {
  get(name: string): unknown;
  on(event: string, callback: (...args: never[]) => void): void;
  off(event: string, callback: (...args: never[]) => void): void;
  send(content: unknown, callbacks?: unknown, buffers?: ArrayBuffer[]): void;
  /** Of the host, which knows the other widgets. */
  readonly widget_manager?: unknown;
}

/** The trait `name`, followed until the lifetime ends. */
export function trait<T>(model: Model, name: string, lifetime: AbortSignal): ReadonlySignal<T> {
  const current = signal(model.get(name) as T);
  const follow = () => (current.value = model.get(name) as T);
  model.on(`change:${name}`, follow);
  onEnd(lifetime, () => model.off(`change:${name}`, follow));
  return current;
}

interface Wish<T> {
  readonly value: T;
}

/** A value that shows what was asked for at once, and falls back if that is refused. */
export class Optimistic<T> {
  /** What was asked for, else what the kernel holds. */
  readonly shown: ReadonlySignal<T>;
  /** Whether the kernel has still to say yes or no. */
  readonly pending: ReadonlySignal<boolean>;

  readonly #wish = signal<Wish<T> | null>(null);
  readonly #confirmed: ReadonlySignal<T>;
  readonly #requests: SingleFlight<Wish<T>>;
  #granted = false;
  #moved = false;

  constructor(
    confirmed: ReadonlySignal<T>,
    lifetime: AbortSignal,
    send: (value: T) => Promise<unknown>,
    refused: (error: unknown) => void,
  ) {
    this.#confirmed = confirmed;
    this.#requests = new SingleFlight(async (asked) => {
      this.#moved = false;
      try {
        await send(asked.value);
      } catch (error) {
        if (this.#wish.peek() !== asked) return;
        this.#wish.value = null;
        refused(error);
        return;
      }
      if (this.#wish.peek() === asked) this.#accepted(asked);
    });
    this.shown = computed(() => {
      const wish = this.#wish.value;
      return wish === null ? confirmed.value : wish.value;
    });
    this.pending = computed(() => this.#wish.value !== null);
    const follow = confirmed.subscribe(() => {
      this.#moved = true;
      if (this.#granted) this.#wish.value = null;
    });
    onEnd(lifetime, follow);
  }

  /** Ask for a value. While one request is under way only the newest wish waits behind it. */
  set(value: T): void {
    const wish = { value };
    this.#wish.value = wish;
    this.#granted = false;
    this.#requests.want(wish);
  }

  #accepted(asked: Wish<T>): void {
    if (this.#moved || same(asked.value, this.#confirmed.peek())) this.#wish.value = null;
    // The reply came before the trait: drop the wish when that follows.
    else this.#granted = true;
  }
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

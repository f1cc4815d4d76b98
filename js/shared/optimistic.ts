/** A value that shows what was asked for at once, and falls back if that is refused. */

import { computed, signal, type ReadonlySignal } from "@preact/signals-core";

import { onEnd } from "./lifetime.ts";

interface Wish<T> {
  readonly value: T;
}

export class Optimistic<T> {
  /** What was asked for, else what the kernel holds. */
  readonly shown: ReadonlySignal<T>;
  /** Whether the kernel has still to say yes or no. */
  readonly pending: ReadonlySignal<boolean>;

  readonly #wish = signal<Wish<T> | null>(null);
  readonly #confirmed: ReadonlySignal<T>;
  readonly #send: (value: T) => Promise<unknown>;
  readonly #refused: (error: unknown) => void;
  #sending = false;
  #granted = false;
  #moved = false;

  constructor(
    confirmed: ReadonlySignal<T>,
    lifetime: AbortSignal,
    send: (value: T) => Promise<unknown>,
    refused: (error: unknown) => void,
  ) {
    this.#confirmed = confirmed;
    this.#send = send;
    this.#refused = refused;
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
    this.#wish.value = { value };
    this.#granted = false;
    if (!this.#sending) void this.#ask();
  }

  async #ask(): Promise<void> {
    const asked = this.#wish.peek();
    if (asked === null) return;
    this.#sending = true;
    this.#moved = false;
    let refusal: { error: unknown } | null = null;
    try {
      await this.#send(asked.value);
    } catch (error) {
      refusal = { error };
    }
    this.#sending = false;
    this.#answered(asked, refusal);
  }

  #answered(asked: Wish<T>, refusal: { error: unknown } | null): void {
    if (this.#wish.peek() !== asked) {
      void this.#ask();
    } else if (refusal !== null) {
      this.#wish.value = null;
      this.#refused(refusal.error);
    } else if (this.#moved || same(asked.value, this.#confirmed.peek())) {
      this.#wish.value = null;
    } else {
      // The reply came before the trait: drop the wish when that follows.
      this.#granted = true;
    }
  }
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

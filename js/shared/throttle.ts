/** Not more often than people read, or a page can bear. */

import { onEnd } from "./lifetime.ts";

export class Throttle {
  readonly #apart: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #waiting: (() => void) | null = null;
  #last = -Infinity;

  /** @param apart milliseconds from one time to the next. */
  constructor(lifetime: AbortSignal, apart: number) {
    this.#apart = apart;
    onEnd(lifetime, () => clearTimeout(this.#timer));
  }

  /** Act now, or as soon as the last time is long enough ago; of several only the newest. */
  run(act: () => void): void {
    const wait = this.#last + this.#apart - performance.now();
    if (wait <= 0) {
      this.now(act);
      return;
    }
    this.#waiting = act;
    this.#timer ??= setTimeout(() => this.flush(0), wait);
  }

  /** Act now, in place of what waits. */
  now(act: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waiting = null;
    this.#last = performance.now();
    act();
  }

  /** Do what waits now, if the last time is that many milliseconds ago. */
  flush(ago: number): void {
    if (this.#waiting !== null && performance.now() - this.#last >= ago) this.now(this.#waiting);
  }
}

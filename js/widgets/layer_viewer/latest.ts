/** Asks the kernel one thing at a time; of several wishes only the newest waits. */

export class Latest<T> {
  #busy = false;
  #waiting: { readonly value: T } | null = null;

  /** @param ask never rejects: it takes care of what goes wrong. */
  constructor(readonly ask: (value: T) => Promise<void>) {}

  want(value: T): void {
    this.#waiting = { value };
    if (!this.#busy) void this.#run();
  }

  async #run(): Promise<void> {
    this.#busy = true;
    while (this.#waiting !== null) {
      const { value } = this.#waiting;
      this.#waiting = null;
      await this.ask(value);
    }
    this.#busy = false;
  }
}

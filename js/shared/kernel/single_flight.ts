/** One request at a time; of several wishes only the newest waits. */
export class SingleFlight<T> {
  readonly #send: (value: T) => Promise<void>;
  #busy = false;
  #waiting: { readonly value: T } | null = null;

  /** @param send never rejects: it takes care of what goes wrong. */
  constructor(send: (value: T) => Promise<void>) {
    this.#send = send;
  }

  want(value: T): void {
    this.#waiting = { value };
    if (!this.#busy) void this.#run();
  }

  async #run(): Promise<void> {
    this.#busy = true;
    while (this.#waiting !== null) {
      const { value } = this.#waiting;
      this.#waiting = null;
      await this.#send(value);
    }
    this.#busy = false;
  }
}

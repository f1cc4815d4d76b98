/** The TensorBoards of the server, as this page knows them: one model, one poll, many views. */

import { DisposableDelegate, type IDisposable } from "@lumino/disposable";
import { Poll } from "@lumino/polling";
import { type ISignal, Signal } from "@lumino/signaling";
import { type Problem, problemOfReason } from "./problems";

/** One of them. Its `id` and `url` are the same again for the same folder after a restart. */
export interface TensorBoard {
  readonly id: string;
  readonly logdir: string;
  /** The folder as a person calls it: from the server's root where it lies inside. */
  readonly name: string;
  readonly state: "starting" | "ready" | "failed";
  readonly problem: Problem | null;
  readonly url: string;
}

/** A folder that has runs below it. */
export interface Logdir {
  readonly path: string;
  readonly runs: number;
  /** Seconds since 1970. */
  readonly modified: number;
}

export interface Logdirs {
  readonly logdirs: readonly Logdir[];
  readonly complete: boolean;
}

export interface Server {
  list(): Promise<readonly TensorBoard[]>;
  start(logdir: string): Promise<TensorBoard>;
  stop(id: string): Promise<void>;
  logdirs(): Promise<Logdirs>;
}

// One that starts is looked at often, one that is shown often enough to see it die soon.
const STARTING_MS = 300;
const WATCHED_MS = 2_500;
const UNWATCHED_MS = 30_000;
const LONGEST_WAIT_MS = 10_000;

export class TensorBoards implements IDisposable {
  readonly #server: Server;
  readonly #poll: Poll;
  readonly #changed = new Signal<this, void>(this);
  #all: readonly TensorBoard[] = [];
  #unreachable: Problem | null = null;
  #watchers = 0;
  // Counts what was started and stopped: a list that was asked for before is out of date.
  #deeds = 0;

  constructor(server: Server) {
    this.#server = server;
    this.#poll = new Poll({
      name: "dl-lab:tensorboards",
      factory: () => this.refresh(),
      frequency: { interval: UNWATCHED_MS, backoff: true, max: UNWATCHED_MS },
      standby: "when-hidden",
    });
  }

  /** In the order in which they were started. */
  get all(): readonly TensorBoard[] {
    return this.#all;
  }

  /** Why the server does not answer, while it does not. */
  get unreachable(): Problem | null {
    return this.#unreachable;
  }

  /** Emitted when any of it changed. */
  get changed(): ISignal<this, void> {
    return this.#changed;
  }

  get isDisposed(): boolean {
    return this.#poll.isDisposed;
  }

  dispose(): void {
    this.#poll.dispose();
    Signal.clearData(this);
  }

  find(id: string): TensorBoard | undefined {
    return this.#all.find((one) => one.id === id);
  }

  /** The one of a folder, called by its path or by its name. */
  of(logdir: string): TensorBoard | undefined {
    return this.#all.find((one) => one.logdir === logdir || one.name === logdir);
  }

  /** Look often until this is disposed: someone sees the state. */
  watch(): IDisposable {
    this.#watchers += 1;
    if (this.#watchers === 1) this.#lookNow();
    return new DisposableDelegate(() => {
      this.#watchers -= 1;
      this.#setFrequency();
    });
  }

  /** Start the one of a folder, unless it runs. */
  async start(logdir: string): Promise<TensorBoard> {
    const started = await this.#heard(this.#server.start(logdir));
    this.#deeds += 1;
    const others = this.#all.filter((one) => one.id !== started.id);
    this.#set([...others, started], null);
    this.#lookNow();
    return started;
  }

  async stop(id: string): Promise<void> {
    await this.#heard(this.#server.stop(id));
    this.#deeds += 1;
    this.#set(
      this.#all.filter((one) => one.id !== id),
      null,
    );
  }

  /** Stop the one of a folder, if it runs. */
  async stopFolder(logdir: string): Promise<void> {
    await this.refresh();
    const running = this.of(logdir);
    if (running) await this.stop(running.id);
  }

  logdirs(): Promise<Logdirs> {
    return this.#server.logdirs();
  }

  /** Ask the server now. */
  async refresh(): Promise<void> {
    const deeds = this.#deeds;
    try {
      const all = await this.#server.list();
      if (deeds === this.#deeds) this.#set(all, null);
    } catch (reason) {
      this.#set(this.#all, problemOfReason(reason));
      throw reason; // to the poll, which waits longer then
    } finally {
      this.#setFrequency();
    }
  }

  /** Take note when nobody answers, so that `changed` says when someone does again. */
  async #heard<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (reason) {
      const problem = problemOfReason(reason);
      if (problem.key === "unreachable") {
        this.#set(this.#all, problem);
        this.#lookNow();
      }
      throw reason;
    }
  }

  #lookNow(): void {
    this.#setFrequency();
    void this.#poll.refresh();
  }

  #setFrequency(): void {
    if (this.isDisposed) return;
    const starting = this.#all.some((one) => one.state === "starting");
    const watched = this.#watchers > 0;
    const interval = starting ? STARTING_MS : watched ? WATCHED_MS : UNWATCHED_MS;
    this.#poll.frequency = { interval, backoff: true, max: Math.max(interval, LONGEST_WAIT_MS) };
  }

  #set(all: readonly TensorBoard[], unreachable: Problem | null): void {
    const before = JSON.stringify([this.#all, this.#unreachable]);
    this.#all = all;
    this.#unreachable = unreachable;
    if (!this.isDisposed && JSON.stringify([all, unreachable]) !== before) {
      this.#changed.emit();
    }
  }
}

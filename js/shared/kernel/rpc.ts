/** Requests, notices and stream messages over the comm of an anywidget model. */

import { onEnd } from "../lifetime.ts";
import type { Model } from "./traits.ts";
import { decode, encode, type Message, type NamedArray, ProtocolError } from "./protocol.ts";

export type Params = Readonly<Record<string, unknown>>;

/** A request that was refused or not answered; `key` and `params` name a sentence. */
export class RemoteError extends Error {
  override name = "RemoteError";

  constructor(
    readonly key: string,
    readonly params: Params,
    /** In English. */
    readonly text: string,
    /** In other languages, by their codes, with the places of the parameters. */
    readonly templates: Readonly<Record<string, string>> = {},
  ) {
    super(text);
  }
}

export const TIMEOUT_MS = 10_000;

interface Pending {
  resolve(reply: Message): void;
  reject(error: Error): void;
  timer: ReturnType<typeof setTimeout> | null;
}

export interface RequestOptions {
  arrays?: Readonly<Record<string, NamedArray>>;
  /** Milliseconds until the request counts as unanswered; `null` waits for ever. */
  timeout?: number | null;
}

export class Rpc {
  readonly #model: Model;
  readonly #lifetime: AbortSignal;
  readonly #pending = new Map<string, Pending>();
  readonly #streams = new Map<string, (message: Message) => void>();
  readonly #onUnreadable: (error: ProtocolError) => void;
  #count = 0;
  /** The newest stream message that was painted and not yet acknowledged. */
  #painted: number | null = null;

  /**
   * @param view random name of the view: all views of a model hear all replies.
   * @param onUnreadable hears of messages that break the protocol.
   */
  constructor(
    model: Model,
    readonly view: string,
    lifetime: AbortSignal,
    onUnreadable: (error: ProtocolError) => void,
  ) {
    this.#model = model;
    this.#lifetime = lifetime;
    this.#onUnreadable = onUnreadable;
    const receive = (content: unknown, buffers?: readonly DataView[]) =>
      this.#receive(content, buffers ?? []);
    model.on("msg:custom", receive);
    onEnd(lifetime, () => {
      model.off("msg:custom", receive);
      for (const id of [...this.#pending.keys()]) {
        this.#settle(id)?.reject(new RemoteError("kernel.view_closed", {}, "The view is closed."));
      }
      this.#streams.clear();
    });
  }

  /** Send a request; its reply or a RemoteError. */
  request(kind: string, meta: Params = {}, options: RequestOptions = {}): Promise<Message> {
    const id = `${this.view}.${++this.#count}`;
    return new Promise((resolve, reject) => {
      if (this.#lifetime.aborted) {
        reject(new RemoteError("kernel.view_closed", {}, "The view is closed."));
        return;
      }
      const timeout = options.timeout === undefined ? TIMEOUT_MS : options.timeout;
      const timer = timeout === null ? null : setTimeout(() => this.#expire(id), timeout);
      this.#pending.set(id, { resolve, reject, timer });
      try {
        const painted = this.#painted;
        this.#painted = null;
        const seq = painted === null ? {} : { seq: painted };
        this.#send({ kind, meta, arrays: options.arrays ?? {}, id, ...seq });
      } catch (error) {
        // A comm whose kernel is gone refuses to send.
        this.#settle(id)?.reject(gone(error));
      }
    });
  }

  /** Send without expecting an answer. */
  notify(kind: string, meta: Params = {}): void {
    try {
      this.#send({ kind, meta, arrays: {} });
    } catch {
      // A notice to a kernel that is gone has nobody to tell: requests and the comm's own events do.
    }
  }

  /** Tell that a stream message is painted: by a request that goes out at once, or else by itself. */
  acknowledge(seq: number): void {
    if (this.#painted === null) queueMicrotask(() => this.#tellPainted());
    this.#painted = seq;
  }

  #tellPainted(): void {
    if (this.#painted === null) return;
    const seq = this.#painted;
    this.#painted = null;
    this.notify("ack", { view: this.view, seq });
  }

  /** Give stream messages of one kind to `handle`. */
  onStream(kind: string, handle: (message: Message) => void): void {
    this.#streams.set(kind, handle);
  }

  #send(message: Message): void {
    const { content, buffers } = encode(message);
    this.#model.send(content, undefined, buffers);
  }

  #receive(content: unknown, buffers: readonly DataView[]): void {
    let message: Message;
    try {
      message = decode(content, buffers);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#onUnreadable(error);
      return;
    }
    if (message.kind !== "reply") {
      this.#streams.get(message.kind)?.(message);
      return;
    }
    const pending = message.id === undefined ? undefined : this.#settle(message.id);
    if (pending === undefined) return;
    if (message.meta["ok"] === true) pending.resolve(message);
    else pending.reject(refusal(message.meta["error"]));
  }

  #settle(id: string): Pending | undefined {
    const pending = this.#pending.get(id);
    if (pending === undefined) return undefined;
    this.#pending.delete(id);
    if (pending.timer !== null) clearTimeout(pending.timer);
    return pending;
  }

  #expire(id: string): void {
    this.#settle(id)?.reject(
      new RemoteError(
        "kernel.busy",
        {},
        "The kernel has not answered; it may be busy with another cell. " +
          "The request still counts and takes effect as soon as the kernel is free.",
      ),
    );
  }
}

function gone(error: unknown): RemoteError {
  const reason = error instanceof Error ? error.message : String(error);
  return new RemoteError("kernel.gone", { reason }, `The kernel cannot be reached: ${reason}`);
}

/** The error that stands in a reply or in a `message` trait. */
export function refusal(error: unknown): RemoteError {
  const { key, params, text, templates } = (error ?? {}) as Record<string, unknown>;
  return new RemoteError(
    typeof key === "string" ? key : "unknown",
    typeof params === "object" && params !== null ? (params as Params) : {},
    typeof text === "string" ? text : "The kernel refused without saying why.",
    typeof templates === "object" && templates !== null
      ? (templates as Readonly<Record<string, string>>)
      : {},
  );
}

/** A model whose other half is the test. */

import { decode, encode, type Message, type NamedArray } from "../kernel/protocol.ts";
import type { Model } from "../kernel/traits.ts";

type Callback = (...args: never[]) => void;

export class FakeModel implements Model {
  readonly sent: Message[] = [];
  readonly #listeners = new Map<string, Set<Callback>>();
  readonly #traits: Record<string, unknown>;
  /** Answers to requests by kind; a request without one stays open. */
  readonly answers: Record<string, (request: Message) => Partial<Message> | Error> = {};

  constructor(traits: Record<string, unknown> = {}) {
    this.#traits = { ...traits };
  }

  get(name: string): unknown {
    return this.#traits[name];
  }

  on(event: string, callback: Callback): void {
    const callbacks = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, callbacks.add(callback));
  }

  off(event: string, callback: Callback): void {
    this.#listeners.get(event)?.delete(callback);
  }

  send(content: unknown, _callbacks?: unknown, buffers: ArrayBuffer[] = []): void {
    const message = decode(
      content,
      buffers.map((buffer) => new DataView(buffer)),
    );
    this.sent.push(message);
    const answer = message.id === undefined ? undefined : this.answers[message.kind]?.(message);
    if (answer instanceof Error) throw answer;
    if (answer !== undefined) this.reply(message, answer);
  }

  // What the kernel does.

  reply(request: Message, { meta = {}, arrays = {} }: Partial<Message> = {}): void {
    this.say({ kind: "reply", id: request.id ?? "", meta: { ok: true, ...meta }, arrays });
  }

  refuse(request: Message, key: string, params: Record<string, string>, text: string): void {
    const meta = { ok: false, error: { key, params, text } };
    this.say({ kind: "reply", id: request.id ?? "", meta, arrays: {} });
  }

  say(message: Message): void {
    const { content, buffers } = encode(message);
    this.emit(
      "msg:custom",
      content,
      buffers.map((buffer) => new DataView(buffer)),
    );
  }

  set(name: string, value: unknown): void {
    this.#traits[name] = value;
    this.emit(`change:${name}`);
  }

  emit(event: string, ...args: unknown[]): void {
    for (const callback of [...(this.#listeners.get(event) ?? [])]) callback(...(args as never[]));
  }

  // What the test asks.

  get listenerCount(): number {
    return [...this.#listeners.values()].reduce((count, set) => count + set.size, 0);
  }

  requests(kind: string): Message[] {
    return this.sent.filter((message) => message.kind === kind);
  }

  last(kind: string): Message {
    const message = this.requests(kind).at(-1);
    if (message === undefined) throw new Error(`No ${kind} was sent.`);
    return message;
  }
}

export function f4(...values: number[]): NamedArray {
  return { shape: [values.length], values: Float32Array.from(values) };
}

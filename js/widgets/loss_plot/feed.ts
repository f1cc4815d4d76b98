/** Asks for the curves of the present window: one request at a time, none that would bring nothing new. */

import { effect, type ReadonlySignal, signal } from "@preact/signals-core";

import { onEnd } from "../../shared/lifetime.ts";
import type { Params, Rpc } from "../../shared/rpc.ts";
import { type Axis, type Curves, readCurves } from "./curves.ts";

export interface Question {
  /** Two questions with the same key have the same answer. */
  readonly key: string;
  readonly axis: Axis;
  /** What the request says; read when it is sent. */
  readonly meta: () => Params;
}

export class CurveFeed {
  readonly curves: ReadonlySignal<Curves | null>;
  readonly #curves = signal<Curves | null>(null);
  readonly #rpc: Rpc;
  readonly #lifetime: AbortSignal;
  readonly #failed: (error: unknown) => void;
  #question: Question | null = null;
  #asked = "";
  #waiting = false;

  /** @param question what the view wants to know now; null before it can know. */
  constructor(
    rpc: Rpc,
    lifetime: AbortSignal,
    question: ReadonlySignal<Question | null>,
    failed: (error: unknown) => void,
  ) {
    this.curves = this.#curves;
    this.#rpc = rpc;
    this.#lifetime = lifetime;
    this.#failed = failed;
    onEnd(
      lifetime,
      effect(() => {
        this.#question = question.value;
        this.#ask();
      }),
    );
  }

  #ask(): void {
    const question = this.#question;
    if (question === null || this.#waiting || question.key === this.#asked) return;
    this.#waiting = true;
    this.#asked = question.key;
    this.#rpc
      .request("curves.get", question.meta(), { timeout: null })
      .then((reply) => {
        this.#curves.value = readCurves(reply, question.axis);
      })
      .catch((error: unknown) => {
        if (!this.#lifetime.aborted) this.#failed(error);
      })
      .finally(() => {
        this.#waiting = false;
        if (!this.#lifetime.aborted) this.#ask();
      });
  }
}

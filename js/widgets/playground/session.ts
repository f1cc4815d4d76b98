/** What a view receives: frames, points, heat maps of the features, and whether anyone is there. */

import { signal } from "@preact/signals-core";

import { listen, setAttribute } from "../../shared/dom.ts";
import { onEnd } from "../../shared/lifetime.ts";
import type { Model } from "../../shared/model.ts";
import type { Message } from "../../shared/protocol.ts";
import type { Rpc } from "../../shared/rpc.ts";
import { type Frame, type Points, readFeatureMaps, readFrame, readPoints } from "./frame.ts";

/** `silent`: no answer yet; `gone`: the host says that the comm is dead. */
export type Connection = "connecting" | "live" | "silent" | "gone";

const PATIENCE_MS = 8000;

export class Session {
  readonly connection = signal<Connection>("connecting");
  /** The newest frame; whoever reads it in a reaction paints in an animation frame. */
  readonly frame = signal<Frame | null>(null);
  readonly points = signal<Points | null>(null);
  readonly featureMaps = signal<Uint8Array | null>(null);

  readonly #rpc: Rpc;
  readonly #root: HTMLElement;
  readonly #lifetime: AbortSignal;
  readonly #failed: (error: unknown) => void;
  #newest: Message | null = null;
  #scheduled = 0;
  #painted = 0;
  #onScreen = true;
  #askedFor: number | null = null;
  #patience: ReturnType<typeof setTimeout> | null = null;

  constructor(
    model: Model,
    rpc: Rpc,
    root: HTMLElement,
    lifetime: AbortSignal,
    failed: (error: unknown) => void,
  ) {
    this.#rpc = rpc;
    this.#root = root;
    this.#lifetime = lifetime;
    this.#failed = failed;
    rpc.onStream("frame.show", (message) => this.#receive(message));
    this.#watchComm(model);
    this.#watchVisibility();
    onEnd(lifetime, () => {
      cancelAnimationFrame(this.#scheduled);
      this.#stopWaiting();
    });
  }

  /** Open the stream, or open it again after the view was hidden. */
  hello(): void {
    this.#waitForAnswer();
    const have = { data: this.points.peek()?.revision ?? null };
    // A busy kernel answers late, and late is better than not at all.
    this.#rpc.request("hello", { view: this.#rpc.view, have }, { timeout: null }).then(
      (reply) => {
        this.#heard();
        this.#askedFor = null;
        try {
          this.featureMaps.value = readFeatureMaps(reply);
          if ("train_points" in reply.arrays) this.points.value = readPoints(reply);
        } catch (error) {
          this.#failed(error);
        }
      },
      (error: unknown) => {
        if (this.#lifetime.aborted) return;
        this.#stopWaiting();
        this.connection.value = "gone";
        this.#failed(error);
      },
    );
  }

  bye(): void {
    this.#rpc.notify("bye", { view: this.#rpc.view });
  }

  #receive(message: Message): void {
    this.#heard();
    this.#newest = message;
    if (this.#watched() && this.#scheduled === 0) {
      this.#scheduled = requestAnimationFrame(() => this.#paint());
    }
  }

  #paint(): void {
    this.#scheduled = 0;
    const message = this.#newest;
    if (message === null || !this.#watched()) return;
    this.#newest = null;
    let frame: Frame;
    try {
      frame = readFrame(message);
    } catch (error) {
      // The next one may be readable.
      this.#acknowledge(message);
      this.#failed(error);
      return;
    }
    this.frame.value = frame;
    setAttribute(this.#root, "data-epoch", frame.epoch);
    setAttribute(this.#root, "data-frames", ++this.#painted);
    this.#acknowledge(message);
    this.#followData(frame.dataRevision);
  }

  #acknowledge(message: Message): void {
    this.#rpc.notify("ack", { view: this.#rpc.view, seq: message.seq });
  }

  #followData(revision: number): void {
    if (this.points.peek()?.revision === revision || this.#askedFor === revision) return;
    this.#askedFor = revision;
    this.#rpc.request("data.get").then(
      (reply) => {
        try {
          this.points.value = readPoints(reply);
        } catch (error) {
          this.#failed(error);
        }
      },
      (error: unknown) => this.#failed(error),
    );
  }

  #watched(): boolean {
    return !document.hidden && this.#onScreen;
  }

  #watchVisibility(): void {
    const wake = () => {
      if (this.#watched() && this.connection.peek() !== "gone") this.hello();
    };
    listen(document, "visibilitychange" as "change", this.#lifetime, wake);
    // A view that is scrolled away need not be drawn: the kernel trains on, faster.
    const observer = new IntersectionObserver((entries) => {
      const onScreen = entries.at(-1)?.isIntersecting ?? true;
      if (onScreen === this.#onScreen) return;
      this.#onScreen = onScreen;
      wake();
    });
    observer.observe(this.#root);
    onEnd(this.#lifetime, () => observer.disconnect());
  }

  /** ipywidgets tells of a dead comm by events; a comm that came back answers a hello. */
  #watchComm(model: Model): void {
    const lost = () => {
      this.connection.value = "gone";
      this.hello();
    };
    for (const event of ["comm_live_update", "comm:close"]) {
      model.on(event, lost);
      onEnd(this.#lifetime, () => model.off(event, lost));
    }
  }

  #waitForAnswer(): void {
    this.#stopWaiting();
    this.#patience = setTimeout(() => {
      this.#patience = null;
      if (this.connection.peek() === "connecting") this.connection.value = "silent";
    }, PATIENCE_MS);
  }

  #stopWaiting(): void {
    if (this.#patience !== null) clearTimeout(this.#patience);
    this.#patience = null;
  }

  #heard(): void {
    this.#stopWaiting();
    this.connection.value = "live";
  }
}

/** What a view receives, whether anyone is there, and telling the kernel what has been painted. */

import { signal } from "@preact/signals-core";

import { listen, setAttribute } from "../ui/dom.ts";
import { onEnd, react } from "../lifetime.ts";
import { type Model, trait } from "./traits.ts";
import type { Message } from "./protocol.ts";
import type { Params, Rpc } from "./rpc.ts";

/** `silent`: no answer yet; `gone`: the host says that the comm is dead. */
export type Connection = "connecting" | "live" | "silent" | "gone";

const PATIENCE_MS = 8000;

/** Seconds between two signs of life: as often as browsers let the timers of a hidden page run. */
const ALIVE = 60;
/** How many signs go into the time after which a run pauses that nobody sees. */
const SIGNS = 3;

/** Event on a view's root: JupyterLab has shut down its kernel. */
export const KERNEL_LOST = "dl-lab:kernel-lost";

export interface SessionOptions<Frame> {
  readonly model: Model;
  readonly rpc: Rpc;
  readonly root: HTMLElement;
  readonly lifetime: AbortSignal;
  /** Told what went wrong. */
  readonly failed: (error: unknown) => void;
  /** The stream's kind, and what one of its messages says. */
  readonly stream?: {
    readonly kind: string;
    readonly read: (message: Message) => Frame;
    /** Its frames paint little by themselves, and wait for no animation frame. */
    readonly light?: boolean;
  };
  /** What the view holds already, for `hello`. */
  readonly have?: () => Params;
  /** Takes in the reply to `hello`. */
  readonly welcome?: (reply: Message) => void;
  /** Told of each frame after the reactions to it. */
  readonly painted?: (frame: Frame) => void;
}

export class Session<Frame> {
  readonly connection = signal<Connection>("connecting");
  /** The newest frame; whoever reads it in a reaction paints in an animation frame, if not light. */
  readonly frame = signal<Frame | null>(null);

  readonly #options: SessionOptions<Frame>;
  #newest: Message | null = null;
  #scheduled = 0;
  #painted = 0;
  #onScreen = true;
  #patience: ReturnType<typeof setTimeout> | null = null;

  constructor(options: SessionOptions<Frame>) {
    this.#options = options;
    const { stream, lifetime } = options;
    if (stream !== undefined) {
      options.rpc.onStream(stream.kind, (message) => this.#receive(message));
    }
    this.#watchComm();
    this.#watchVisibility();
    this.#giveSigns();
    onEnd(lifetime, () => {
      cancelAnimationFrame(this.#scheduled);
      this.#stopWaiting();
    });
  }

  /** Open the stream, or open it again after the view was hidden. */
  hello(): void {
    this.#waitForAnswer();
    const { rpc, have, welcome, failed, lifetime } = this.#options;
    const meta = { view: rpc.view, have: have?.() ?? {} };
    // A busy kernel answers late, and late is better than not at all.
    rpc.request("hello", meta, { timeout: null }).then(
      (reply) => {
        this.#heard();
        try {
          welcome?.(reply);
        } catch (error) {
          failed(error);
        }
      },
      (error: unknown) => {
        if (lifetime.aborted) return;
        this.#stopWaiting();
        this.connection.value = "gone";
        failed(error);
      },
    );
  }

  bye(): void {
    const { rpc } = this.#options;
    rpc.notify("bye", { view: rpc.view });
  }

  #receive(message: Message): void {
    this.#heard();
    this.#newest = message;
    if (this.#options.stream?.light === true) this.#paint();
    else if (this.#watched() && this.#scheduled === 0) {
      this.#scheduled = requestAnimationFrame(() => this.#paint());
    }
  }

  #paint(): void {
    this.#scheduled = 0;
    const message = this.#newest;
    const { rpc, root, stream, painted, failed } = this.#options;
    if (message === null || stream === undefined || !this.#watched()) return;
    this.#newest = null;
    // Even one that can't be read: the next may be readable.
    if (message.seq !== undefined) rpc.acknowledge(message.seq);
    let frame: Frame;
    try {
      frame = stream.read(message);
    } catch (error) {
      failed(error);
      return;
    }
    this.frame.value = frame;
    setAttribute(root, "data-frames", ++this.#painted);
    painted?.(frame);
  }

  #watched(): boolean {
    return !document.hidden && this.#onScreen;
  }

  #watchVisibility(): void {
    const { root, lifetime } = this.#options;
    const wake = () => {
      if (this.#watched() && this.connection.peek() !== "gone") this.hello();
    };
    listen(document, "visibilitychange" as "change", lifetime, wake);
    // A view that is scrolled away need not be drawn: the kernel trains on, faster.
    const observer = new IntersectionObserver((entries) => {
      const onScreen = entries.at(-1)?.isIntersecting ?? true;
      if (onScreen === this.#onScreen) return;
      this.#onScreen = onScreen;
      wake();
    });
    observer.observe(root);
    onEnd(lifetime, () => observer.disconnect());
  }

  /** A hidden view acknowledges nothing, and is there all the same. */
  #giveSigns(): void {
    const { model, rpc, lifetime } = this.#options;
    const unattended = trait<number | null | undefined>(model, "unattended", lifetime);
    let timer: ReturnType<typeof setInterval> | undefined;
    onEnd(lifetime, () => clearInterval(timer));
    react(lifetime, () => {
      clearInterval(timer);
      const seconds = Math.min(ALIVE, (unattended.value ?? Infinity) / SIGNS);
      timer = setInterval(() => {
        if (this.connection.peek() === "live") rpc.notify("alive", { view: rpc.view });
      }, 1000 * seconds);
    });
  }

  /** ipywidgets tells of a dead comm by events; a comm that came back answers a hello. */
  #watchComm(): void {
    const { model, root, lifetime } = this.#options;
    const lost = () => {
      this.connection.value = "gone";
      this.hello();
    };
    for (const event of ["comm_live_update", "comm:close"]) {
      model.on(event, lost);
      onEnd(lifetime, () => model.off(event, lost));
    }
    listen(root, KERNEL_LOST as "change", lifetime, lost);
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

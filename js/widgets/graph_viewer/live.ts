/** What training does to the graph, from the stream beside that of the graph itself. */

import { type ReadonlySignal, signal } from "@preact/signals-core";

import type { ExplainerView } from "../../explainer/view.ts";
import { onEnd } from "../../shared/lifetime.ts";
import type { Message } from "../../shared/kernel/protocol.ts";
import { type Frame, type Live, readLive } from "./message.ts";

/** The newest of `graph.live`; painted in an animation frame, and then acknowledged. */
export function followLive({
  rpc,
  lifetime,
  root,
  complain,
}: ExplainerView<Frame>): ReadonlySignal<Live | null> {
  const live = signal<Live | null>(null);
  let newest: Message | null = null;
  let scheduled = 0;
  let frames = 0;
  const paint = () => {
    scheduled = 0;
    const message = newest;
    newest = null;
    if (message === null) return;
    if (message.seq !== undefined) rpc.acknowledge(message.seq);
    try {
      live.value = readLive(message, live.peek());
    } catch (error) {
      complain(error);
      return;
    }
    root.dataset["live"] = String(++frames);
  };
  rpc.onStream("graph.live", (message) => {
    newest = message;
    // A page that is hidden paints nothing, and acknowledges nothing.
    if (scheduled === 0) scheduled = requestAnimationFrame(paint);
  });
  onEnd(lifetime, () => cancelAnimationFrame(scheduled));
  return live;
}

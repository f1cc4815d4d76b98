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
}: ExplainerView<Frame>): ReadonlySignal<readonly (Live | null)[]> {
  const live = signal<readonly (Live | null)[]>([]);
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
  // What is scrolled away is not drawn, nor acknowledged: the kernel trains on, faster. When it is
  // seen again the session says hello.
  let onScreen = true;
  const observer = new IntersectionObserver((entries) => {
    onScreen = entries.at(-1)?.isIntersecting ?? true;
  });
  observer.observe(root);
  onEnd(lifetime, () => observer.disconnect());
  rpc.onStream("graph.live", (message) => {
    if (!onScreen) return;
    newest = message;
    // A page that is hidden has no animation frames.
    if (scheduled === 0) scheduled = requestAnimationFrame(paint);
  });
  onEnd(lifetime, () => cancelAnimationFrame(scheduled));
  return live;
}

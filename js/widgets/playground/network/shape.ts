/** Which network is drawn: the frame's, or at once the one that was just asked for. */

import { signal, type ReadonlySignal } from "@preact/signals-core";

import { react } from "../../../shared/lifetime.ts";
import type { Context } from "../context.ts";
import { type Frame, sameShape, type Shape } from "../frame.ts";

/**
 * Frames and traits travel apart, and either may be older. So a wish is drawn until the kernel
 * has answered it, and from then on the shape changes only when a frame's does.
 */
export function followShape({ settings, session, lifetime }: Context): ReadonlySignal<Shape> {
  const { features, hidden } = settings;
  const asked = (): Shape => ({ features: features.shown.value, hidden: hidden.shown.value });
  const shape = signal<Shape>(asked());
  let framed: Shape | null = null;
  let wished = false;
  react(lifetime, () => {
    const frame: Frame | null = session.frame.value;
    const wishing = features.pending.value || hidden.pending.value;
    const settled = wished && !wishing;
    let next = shape.peek();
    if (wishing || settled || frame === null) next = asked();
    else if (!sameShape(frame, framed)) next = frame;
    framed = frame;
    wished = wishing;
    if (!sameShape(next, shape.peek())) {
      shape.value = { features: [...next.features], hidden: [...next.hidden] };
    }
  });
  return shape;
}

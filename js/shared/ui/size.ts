import { signal, type ReadonlySignal } from "@preact/signals-core";

import { onEnd } from "../lifetime.ts";

export interface Size {
  readonly width: number;
  readonly height: number;
}

/**
 * What measures an element; while that has no layout, the size it had last.
 *
 * @param first what a host without layout is taken to have. JupyterLab takes all layout away for a
 * moment when it changes its theme, and upon that same theme one draws.
 */
export function lastSize(element: HTMLElement, first: Size): () => Size {
  let last = first;
  return () => {
    const { clientWidth: width, clientHeight: height } = element;
    if (width > 0 && height > 0) last = { width, height };
    return last;
  };
}

/** The size of an element, followed until the lifetime ends. */
export function followSize(
  element: HTMLElement,
  first: Size,
  lifetime: AbortSignal,
): ReadonlySignal<Size> {
  const measure = lastSize(element, first);
  const size = signal(measure());
  const resized = new ResizeObserver(() => {
    const now = measure();
    const { width, height } = size.peek();
    if (now.width !== width || now.height !== height) size.value = now;
  });
  resized.observe(element);
  onEnd(lifetime, () => resized.disconnect());
  return size;
}

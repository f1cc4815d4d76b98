/** Zooming and panning by whatever hand: shares of the width in, a window out. */

import type { ReadonlySignal, Signal } from "@preact/signals-core";

import {
  ALL,
  between,
  panned,
  placeAt,
  type Range,
  rangeOf,
  type ScaleKind,
  drawable,
  type Window,
  windowOf,
  zoomed,
} from "./window.ts";

export class Navigation {
  readonly #window: Signal<Window>;
  readonly #recorded: () => Range | null;
  readonly #scale: ReadonlySignal<ScaleKind>;
  readonly #least: () => number;

  /**
   * @param recorded where the data begin and end.
   * @param least what one can zoom into, in the unit of the axis.
   */
  constructor(
    window: Signal<Window>,
    recorded: () => Range | null,
    scale: ReadonlySignal<ScaleKind>,
    least: () => number,
  ) {
    this.#window = window;
    this.#recorded = recorded;
    this.#scale = scale;
    this.#least = least;
  }

  /** What is shown now; null before anything was recorded. */
  range(): Range | null {
    const extent = this.#extent();
    return extent === null ? null : rangeOf(this.#window.peek(), extent, this.#scale.peek());
  }

  /** The value of x at a share of the width. */
  placeAt(share: number): number | null {
    const range = this.range();
    return range === null ? null : placeAt(range, share, this.#scale.peek());
  }

  /** Show `factor` times as much; whether there was anything to change. */
  zoom(factor: number, at: number): boolean {
    return this.#go((range, extent, scale) =>
      zoomed(range, extent, factor, at, scale, this.#least()),
    );
  }

  pan(share: number): boolean {
    return this.#go((range, extent, scale) => panned(range, extent, share, scale));
  }

  select(from: number, to: number): boolean {
    return this.#go((range, extent, scale) =>
      between(range, extent, from, to, scale, this.#least()),
    );
  }

  all(): void {
    this.#window.value = ALL;
  }

  #extent(): Range | null {
    const extent = this.#recorded();
    return extent === null ? null : drawable(extent, this.#scale.peek(), this.#least());
  }

  #go(to: (range: Range, extent: Range, scale: ScaleKind) => Range): boolean {
    const extent = this.#extent();
    const range = this.range();
    if (extent === null || range === null) return false;
    const next = windowOf(to(range, extent, this.#scale.peek()), extent, this.#scale.peek());
    if (JSON.stringify(next) === JSON.stringify(this.#window.peek())) return false;
    this.#window.value = next;
    return true;
  }
}

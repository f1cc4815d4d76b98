/** What every part of the view is given. */

import type { ReadonlySignal, Signal } from "@preact/signals-core";

import type { Optimistic } from "../../shared/optimistic.ts";
import type { View } from "../../shared/view.ts";
import type { RangeTest } from "./range_test.ts";

export interface Context extends View<never> {
  /** Null until the kernel has told it. */
  readonly test: Signal<RangeTest | null>;
  /** The rate that was chosen here; null before one is. */
  readonly chosen: Optimistic<number | null>;
  /** The rate in use. */
  readonly inUse: ReadonlySignal<number | null>;
  /** The measurement that is being read, by its place among them. */
  readonly cursor: Signal<number | null>;
}

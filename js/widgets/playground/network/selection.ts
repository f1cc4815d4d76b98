/** What the large heat map shows, which unit's card is open, which link stands out. */

import { computed, signal, type ReadonlySignal } from "@preact/signals-core";

import type { Link } from "../../../draw/network.ts";

/** A unit; layers count from the first hidden one, the last is the output. */
export interface Unit {
  readonly layer: number;
  readonly unit: number;
}

export type Target =
  { readonly kind: "feature"; readonly name: string } | ({ readonly kind: "unit" } & Unit);

export class Selection {
  /** Under the pointer or the focus. */
  readonly hovered = signal<Target | null>(null);
  /** The unit whose card is open. */
  readonly pinned = signal<Unit | null>(null);
  /** The link whose weight is being edited. */
  readonly edited = signal<Link | null>(null);
  readonly hoveredLink = signal<Link | null>(null);
  /** The unit whose bias is under the pointer. */
  readonly hoveredBias = signal<Unit | null>(null);

  /** Null stands for the output. */
  readonly enlarged: ReadonlySignal<Target | null> = computed(() => {
    const pinned = this.pinned.value;
    return this.hovered.value ?? (pinned === null ? null : { kind: "unit", ...pinned });
  });
}

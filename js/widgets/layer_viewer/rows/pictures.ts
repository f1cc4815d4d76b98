/** The images of the layers: those of a frame, and more of them as they come into sight. */

import { type ReadonlySignal, signal } from "@preact/signals-core";

import { type Frame, type RowImages, rowKey, type Rows } from "../network.ts";

export class Pictures {
  #rows: Rows = new Map();
  #look = -1;
  /** What came before the frame that it belongs to was painted. */
  #early: { readonly look: number; readonly rows: Rows } | null = null;
  readonly #additions = signal(0);

  /** Another number when images came without a frame. */
  get additions(): ReadonlySignal<number> {
    return this.#additions;
  }

  /** The images of a layer by its index, from a unit on; null where they have not come yet. */
  at(layer: number, first: number): RowImages | null {
    return this.#rows.get(rowKey(layer, first)) ?? null;
  }

  /** Take in a frame that is about to be painted: images of another look are outdated. */
  frame({ look, rows }: Frame): void {
    const before = this.#look === look ? this.#rows : [];
    const early = this.#early?.look === look ? this.#early.rows : [];
    if (this.#early !== null && this.#early.look <= look) this.#early = null;
    this.#look = look;
    this.#rows = new Map([...before, ...early, ...rows]);
  }

  /** Take in images that were asked for. */
  more(look: number, rows: Rows): void {
    if (look === this.#look) {
      this.#rows = new Map([...this.#rows, ...rows]);
      this.#additions.value++;
    } else if (look > this.#look) {
      const before = this.#early?.look === look ? this.#early.rows : [];
      this.#early = { look, rows: new Map([...before, ...rows]) };
    }
  }
}

/** What every part of the view is given. */

import type { ReadonlySignal, Signal } from "@preact/signals-core";

import type { Optimistic } from "../../shared/kernel/traits.ts";
import type { View } from "../../shared/view.ts";
import type { Explained, Field, Place } from "./unit/explained.ts";
import type { Frame, Network } from "./network.ts";
import type { Pictures } from "./rows/pictures.ts";

export interface SettingValues {
  readonly mode: "eval" | "train";
  readonly show: "activations" | "gradients" | "filters";
  readonly scale: "unit" | "layer" | "network";
  readonly attribution: "saliency" | "integrated_gradients" | "grad_cam" | "occlusion" | null;
  readonly target: number | null;
  readonly kept: number | null;
}

export type Settings = { readonly [K in keyof SettingValues]: Optimistic<SettingValues[K]> };

export interface Change {
  readonly layer: string;
  readonly call: number;
  readonly unit: number;
  readonly factor: number;
}

/** Another `asked` is asked for again. */
export interface Goal {
  readonly layer: number;
  readonly asked: number;
}

/** The unit that is being looked at. */
export interface Selection {
  readonly place: Signal<Place | null>;
  /** Which of the units that feed it is shown; null is the kernel's choice. */
  readonly source: Signal<number | null>;
  readonly explained: ReadonlySignal<Explained | null>;
  readonly field: ReadonlySignal<Field | null>;
  /** How many questions about it wait for an answer. */
  readonly asked: ReadonlySignal<number>;
  readonly choose: (place: Place | null) => void;
}

export interface Context extends View<Frame> {
  readonly network: Signal<Network | null>;
  readonly pictures: Pictures;
  readonly settings: Settings;
  readonly changes: ReadonlySignal<readonly Change[]>;
  readonly state: ReadonlySignal<string>;
  /** The layer that was asked for last, by its index; null while none was. */
  readonly goal: ReadonlySignal<Goal | null>;
  readonly selection: Selection;
  /** What is under the pointer, in words. */
  readonly reading: Signal<string>;
  /** Where the input is seen by the unit: its box, or what really moves it. */
  readonly sight: Signal<"box" | "effective">;
}

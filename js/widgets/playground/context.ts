/** What every part of the view is given. */

import type { ReadonlySignal, Signal } from "@preact/signals-core";

import type { Optimistic } from "../../shared/kernel/traits.ts";
import type { View } from "../../shared/view.ts";
import type { Frame, Points } from "./frame.ts";
import type { Selection } from "./network/selection.ts";
import type { Choices, SettingName, SettingValues, TrainerState } from "./traits.ts";

export type Settings = { readonly [K in SettingName]: Optimistic<SettingValues[K]> };

/** What is drawn of the data; it changes seldom and comes when a view lacks it. */
export interface Data {
  readonly points: Signal<Points | null>;
  readonly featureMaps: Signal<Uint8Array | null>;
}

export interface Context extends View<Frame> {
  readonly choices: Choices;
  readonly settings: Settings;
  readonly state: Optimistic<TrainerState>;
  readonly data: Data;
  readonly selection: Selection;
  /** Colours of a heat map, by byte. */
  readonly table: ReadonlySignal<Uint32Array>;
}

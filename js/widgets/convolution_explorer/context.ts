/** What every part of the view is given. */

import type { ReadonlySignal, Signal } from "@preact/signals-core";

import type { Optimistic } from "../../shared/kernel/traits.ts";
import type { View } from "../../shared/view.ts";
import type { Refusal } from "./arithmetic/refusal.ts";
import type { Settings } from "./arithmetic/settings.ts";
import type { OwnValues, Picture } from "./stage/picture.ts";
import type { Target } from "./stage/touch.ts";

/** Groups of presets by name, in the order in which they are offered. */
export type Presets = Readonly<Record<string, Readonly<Record<string, Settings>>>>;

export interface Looks {
  readonly numbers: Optimistic<boolean>;
  readonly colors: Optimistic<boolean>;
  readonly matrix_shown: Optimistic<boolean>;
  readonly own_values: Optimistic<boolean>;
}

export interface Context extends View<OwnValues> {
  readonly presets: Presets;
  /** What the fields hold, possible or not. */
  readonly wanted: ReadonlySignal<Settings>;
  /** Why torch refuses what the fields hold; null if it does not. */
  readonly refused: ReadonlySignal<Refusal | null>;
  readonly change: (changes: Partial<Settings>) => void;
  /** Show a case of the guide with its numbers. */
  readonly showPreset: (settings: Settings) => void;
  readonly looks: Looks;
  /** The last possible picture. */
  readonly picture: ReadonlySignal<Picture>;
  /** Whether Python gave a layer or an input. */
  readonly hasOwn: ReadonlySignal<boolean>;
  /** The channels that are drawn large; the output looks at the input. */
  readonly inChannel: ReadonlySignal<number>;
  readonly outChannel: ReadonlySignal<number>;
  readonly chooseChannel: (part: "input" | "output", channel: number) => void;
  /** The output that the animation is at, row by row. */
  readonly position: Signal<number>;
  readonly positions: ReadonlySignal<number>;
  readonly playing: Signal<boolean>;
  readonly hovered: Signal<Target | null>;
  readonly pinned: Signal<Target | null>;
  /** What is explained: under the pointer, pinned, or where the animation is. */
  readonly focus: ReadonlySignal<Target>;
}

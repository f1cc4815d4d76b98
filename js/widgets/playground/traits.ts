/** The traits of a Playground, as `docs/protocol.md` lists them. */

import type { ReadonlySignal } from "@preact/signals-core";

import { type Model, trait } from "../../shared/kernel/traits.ts";

export interface SettingValues {
  data: string;
  problem: string;
  noise: number;
  train_ratio: number;
  batch_size: number;
  features: readonly string[];
  hidden: readonly number[];
  activation: string;
  learning_rate: number;
  regularization: string | null;
  regularization_rate: number;
  seed: number;
  shuffle: boolean;
  speed: number | null;
  show_test: boolean;
  discretize: boolean;
}

export type SettingName = keyof SettingValues;

export const SETTING_NAMES = [
  "data",
  "problem",
  "noise",
  "train_ratio",
  "batch_size",
  "features",
  "hidden",
  "activation",
  "learning_rate",
  "regularization",
  "regularization_rate",
  "seed",
  "shuffle",
  "speed",
  "show_test",
  "discretize",
] as const satisfies readonly SettingName[];

export type Interval = readonly [low: number, high: number, step: number];

export interface Choices {
  readonly problem: readonly string[];
  readonly data: Readonly<Record<string, readonly string[]>>;
  readonly activation: readonly string[];
  readonly regularization: readonly (string | null)[];
  readonly learning_rate: readonly number[];
  readonly regularization_rate: readonly number[];
  readonly features: readonly string[];
  readonly speed: readonly (number | null)[];
  readonly noise: Interval;
  readonly train_ratio: Interval;
  readonly batch_size: Interval;
  readonly neurons: Interval;
  readonly layers: Interval;
  readonly seed: Interval;
}

export type TrainerState = "idle" | "running" | "paused" | "finished" | "failed";

export interface Traits {
  readonly settings: { readonly [K in SettingName]: ReadonlySignal<SettingValues[K]> };
  readonly choices: Choices;
  readonly state: ReadonlySignal<TrainerState>;
  readonly message: ReadonlySignal<unknown>;
}

export function followTraits(model: Model, lifetime: AbortSignal): Traits {
  const settings = Object.fromEntries(
    SETTING_NAMES.map((name) => [name, trait(model, name, lifetime)]),
  ) as Traits["settings"];
  return {
    settings,
    choices: model.get("choices") as Choices,
    state: trait(model, "state", lifetime),
    message: trait(model, "message", lifetime),
  };
}

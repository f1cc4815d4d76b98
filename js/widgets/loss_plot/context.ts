/** What every part of the view is given. */

import type { ReadonlySignal, Signal } from "@preact/signals-core";

import type { CurveLook } from "../../draw/curves.ts";
import type { Optimistic } from "../../shared/kernel/traits.ts";
import type { View } from "../../shared/view.ts";
import type { Axis, Curves } from "./chart/curves.ts";
import type { RunState, RunStatus, SeriesStatus, Status } from "./header/status.ts";
import type { ScaleKind, Window } from "./chart/window.ts";

/** A run that is not drawn, or one of its series. */
export type Hidden = readonly [run: number, series: string | null];

export interface SettingValues {
  axis: Axis;
  x_scale: ScaleKind;
  y_scale: ScaleKind;
  smoothing: number;
  hidden: readonly Hidden[];
}

export type Settings = { readonly [K in keyof SettingValues]: Optimistic<SettingValues[K]> };

export interface RunInfo {
  readonly name: string;
  readonly controls: readonly string[];
}

export interface Line {
  readonly run: number;
  readonly series: SeriesStatus;
  readonly look: CurveLook;
}

export interface Context extends View<Status> {
  /** Never changes. */
  readonly runs: readonly RunInfo[];
  readonly settings: Settings;
  /** Empty until the kernel has told. */
  readonly status: ReadonlySignal<readonly RunStatus[]>;
  /** The same for people to read: about twice a second. */
  readonly told: ReadonlySignal<readonly RunStatus[]>;
  /** What all runs together do, or were just asked to do. */
  readonly state: ReadonlySignal<RunState>;
  /** Ask for a state, shown until the kernel says what became of it. */
  readonly wish: (state: RunState, kind: string) => void;
  readonly window: Signal<Window>;
  readonly curves: ReadonlySignal<Curves | null>;
  /** All series of all runs, with what they look like. */
  readonly lines: ReadonlySignal<readonly Line[]>;
  readonly isHidden: (run: number, series: string | null) => boolean;
  /** Width of the plot area in CSS pixels. */
  readonly pixels: Signal<number>;
}

/** Whether any run can do this. */
export function offers({ runs }: Context, control: string): boolean {
  return runs.some(({ controls }) => controls.includes(control));
}

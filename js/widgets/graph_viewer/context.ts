/** What every part of the view is given. */

import type { ReadonlySignal, Signal } from "@preact/signals-core";

import type { Direction, Placed } from "../../draw/graph/nested.ts";
import type { ExplainerView } from "../../explainer/view.ts";
import type { Optimistic } from "../../shared/kernel/traits.ts";
import type { Metric, Scale } from "./colours.ts";
import type { Drawn } from "./drawn.ts";
import type { Frame, Live } from "./message.ts";
import type { Found } from "./search.ts";

export interface Context extends ExplainerView<Frame> {
  readonly drawn: ReadonlySignal<readonly Drawn[]>;
  /** By graph: the groups that are open, as items. */
  readonly opened: ReadonlySignal<readonly ReadonlySet<number>[]>;
  /** Null is what fits. */
  readonly openKeys: Optimistic<readonly string[] | null>;
  readonly chosen: Optimistic<string | null>;
  readonly search: Optimistic<string>;
  readonly colour: Optimistic<Metric>;
  readonly direction: Optimistic<"auto" | Direction>;
  /** By graph: the middle of what is in sight, and the zoom; null is all. */
  readonly camera: Optimistic<readonly (readonly [x: number, y: number, zoom: number] | null)[]>;
  readonly found: ReadonlySignal<readonly Found[]>;
  readonly scales: ReadonlySignal<readonly (Scale | null)[]>;
  /** By graph: what training did last. */
  readonly live: ReadonlySignal<readonly (Live | null)[]>;
  /** The graph that something was chosen in last: both may have an item of that key. */
  readonly beside: Signal<number>;
  /** Said to who listens. */
  readonly said: Signal<string>;
  /** Choose an item and bring it into sight, opening what it lies in. */
  readonly goTo: (graph: number, item: number) => void;
  /** Open or close a group. */
  readonly toggle: (graph: number, item: number) => void;
  /** Open or close groups level by level; all of them. */
  readonly deeper: (step: "more" | "less" | "all") => void;
  /** What an item is called in a sentence. */
  readonly nameOf: (graph: Drawn, item: number) => string;
  /** All that is drawn of a graph, as it is now. */
  readonly panes: PaneOf[];
}

/** A graph, and where all is that is shown of it. */
export interface Shown {
  readonly drawn: Drawn;
  readonly placed: Placed;
}

export interface PaneOf {
  readonly svg: () => string;
  readonly png: () => Promise<Blob>;
  readonly reveal: (item: number) => void;
  readonly zoom: (factor: number) => void;
  readonly fit: () => void;
  /** All, or where it begins if all is too small to be read. */
  readonly begin: () => void;
  readonly focus: () => void;
}

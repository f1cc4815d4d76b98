/** What Python computed for the task that is shown, as `docs/protocol.md` describes it. */

import { numbers } from "../../explainer/explainer.ts";
import type { Computed, ExplainerView } from "../../explainer/view.ts";

export interface Told {
  readonly name: string;
  readonly formula: string | null;
  readonly derivative?: string | null;
  readonly code: string | null;
  /** What it is given; only of one prediction. */
  readonly of?: "prediction" | "probability" | "logit";
  /** The target that it can have; only of one prediction. */
  readonly target?: number;
}

export interface Costs {
  readonly task: "prediction" | "classes" | "outlier" | "pairs";
  /** The cost that is explained; null where several are alike. */
  readonly told: Told | null;
  /** All costs that are shown. */
  readonly names: readonly string[];
  /** The place of the one that is explained. */
  readonly chosen: number;
  /** The right class. */
  readonly right: number;
  /** The settings that make a difference now. */
  readonly counting: readonly string[];
  readonly values: Readonly<Record<string, number>>;
  readonly array: (name: string) => Float32Array;
  /** One row for each name. */
  readonly rows: (name: string) => readonly Float32Array[];
}

export type View = ExplainerView<Costs>;

export function read(computed: Computed): Costs {
  const meta = computed.meta as unknown as Omit<Costs, "array" | "rows" | "told"> & {
    readonly told?: Told;
  };
  const array = (name: string) => numbers(computed, name);
  return {
    ...meta,
    told: meta.told ?? null,
    array,
    rows: (name) => {
      const values = array(name);
      const long = values.length / meta.names.length;
      return meta.names.map((_, i) => values.subarray(i * long, (i + 1) * long));
    },
  };
}

/** What is to be drawn while a task is shown; null while another is. */
export function during({ frame }: View, task: Costs["task"]): Costs | null {
  return frame.value?.task === task ? frame.value : null;
}

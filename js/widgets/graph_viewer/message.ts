/** What the kernel says of traced graphs, as `docs/protocol.md` describes it. */

import type { Computed } from "../../explainer/view.ts";
import { type Message, ProtocolError } from "../../shared/kernel/protocol.ts";
import { floats, numbers } from "../../shared/kernel/read.ts";

export interface Line {
  readonly file: string;
  readonly number: number;
  readonly function: string;
  readonly text: string;
}

/** Columns, one entry for each node of the trace. */
export interface Nodes {
  readonly kind: readonly ("input" | "parameter" | "buffer" | "operation" | "unseen")[];
  readonly name: readonly string[];
  readonly module: readonly string[];
  readonly shape: readonly string[];
  readonly dtype: readonly string[];
  /** Places in `lines`; −1 where there is none. */
  readonly line: readonly number[];
  readonly parameters: readonly number[];
  /** Null where they are not known. */
  readonly macs: readonly (number | null)[];
  readonly bytes: readonly number[];
  readonly seconds: readonly (number | null)[];
  /** Who has made the numbers of an unseen node. */
  readonly left: readonly (string | null)[];
}

export interface GroupInfo {
  readonly key: string;
  readonly path: string;
  readonly label: string;
  readonly kind: "module" | "repeat" | "loop" | "part";
  readonly count: number;
  /** Place of the group around it; −1 of the model's own. */
  readonly parent: number;
  readonly closed: boolean;
  readonly parameters: number;
  /** Without the operations whose multiply-adds are not known, and how many those are. */
  readonly macs: number;
  readonly unknown: number;
  readonly bytes: number;
  readonly seconds: number | null;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** The node whose numbers it gives; −1 where it gives none. */
  readonly output: number;
  readonly settings: string;
  /** The module's other names, where it has some. */
  readonly names: readonly string[];
  readonly shared: boolean;
  readonly unused: boolean;
  readonly note: string;
  readonly line: number;
}

export interface FailureInfo {
  readonly sentence: unknown;
  readonly name: string;
  readonly module: string;
  readonly shapes: readonly string[];
  /** Place of the group that it came up in. */
  readonly group: number;
  readonly inputs: readonly number[];
  readonly line: number;
}

export interface GraphInfo {
  readonly name: string;
  readonly nodes: Nodes;
  readonly lines: readonly Line[];
  readonly groups: readonly GroupInfo[];
  readonly outputs: readonly number[];
  readonly failure: FailureInfo | null;
  /** Modules with parameters that no output depends on. */
  readonly unused: readonly string[];
  /** By node: the place of its group + 1; 0 of what is not drawn. */
  readonly group: Uint32Array;
  /** By node: the one that is drawn for it, as of the first of twelve blocks. */
  readonly same: Uint32Array;
  readonly from: Uint32Array;
  readonly to: Uint32Array;
  /** By node: 1 is another than in the graph beside, 2 only here; null where there is none beside. */
  readonly change: Uint8Array | null;
}

export interface Frame {
  readonly graphs: readonly GraphInfo[];
  /** Whether a trainer is followed. */
  readonly trainer: boolean;
  /** Whether a module can be looked into. */
  readonly layers: boolean;
}

export function readFrame(computed: Computed): Frame {
  const { meta } = computed;
  if (!Array.isArray(meta["graphs"])) throw new ProtocolError('There are no "graphs".');
  const told = meta["graphs"] as GraphInfo[];
  const graphs = told.map((graph, i): GraphInfo => {
    const count = graph.nodes.name.length;
    const from = numbers(computed, `from${i}`, Uint32Array);
    return {
      ...graph,
      group: numbers(computed, `group${i}`, Uint32Array, count),
      same: numbers(computed, `same${i}`, Uint32Array, count),
      from,
      to: numbers(computed, `to${i}`, Uint32Array, from.length),
      change: told.length > 1 ? numbers(computed, `change${i}`, Uint8Array, count) : null,
    };
  });
  return { graphs, trainer: meta["trainer"] === true, layers: meta["layers"] === true };
}

/** What a pass between two steps of training found, by node; NaN where nothing is known. */
export interface Live {
  readonly step: number;
  /** Root mean square of the numbers, and of the loss's gradient with respect to them: log₁₀. */
  readonly rms: Float32Array;
  readonly grad: Float32Array;
  /** Share of units that were zero for every example. */
  readonly dead: Float32Array;
  /** Not 0 where a number or a gradient is not finite. */
  readonly flags: Uint8Array;
  /** Where something first was not finite; null where nothing was. */
  readonly first: First | null;
}

export interface First {
  readonly node: number;
  readonly step: number;
  readonly sentence: unknown;
}

/** Of each graph; a message without its arrays tells only of what went wrong: the numbers stay. */
export function readLive(message: Message, last: readonly (Live | null)[]): (Live | null)[] {
  const told = message.meta["graphs"];
  if (!Array.isArray(told)) throw new ProtocolError('There are no "graphs".');
  return told.map((meta: LiveMeta | null, i) =>
    meta === null ? null : readOne(message, meta, i, last[i] ?? null),
  );
}

interface LiveMeta {
  readonly step: number;
  readonly first: First | null;
}

function readOne(message: Message, meta: LiveMeta, i: number, last: Live | null): Live | null {
  const { first } = meta;
  if (message.arrays[`rms${i}`] === undefined) return last === null ? null : { ...last, first };
  const rms = floats(message, `rms${i}`);
  return {
    step: meta.step,
    rms,
    grad: floats(message, `grad${i}`, rms.length),
    dead: floats(message, `dead${i}`, rms.length),
    flags: numbers(message, `flags${i}`, Uint8Array, rms.length),
    first,
  };
}

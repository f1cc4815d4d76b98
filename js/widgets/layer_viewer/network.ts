/** What the kernel says of the network and of each look at it, as `docs/protocol.md` describes it. */

import { type Message, type NamedArray, ProtocolError } from "../../shared/kernel/protocol.ts";
import { type Image3, image3 } from "../../shared/kernel/read.ts";

export type Layout = "vector" | "lines" | "maps" | "volumes";

export interface Layer {
  readonly name: string;
  readonly kind: string;
  /** Which call of a layer that is called several times. */
  readonly call: number;
  /** Units first. */
  readonly shape: readonly number[];
  readonly layout: Layout | null;
  readonly text: string;
  readonly parameters: number;
  /** Layers that feed it; `-1 - k` is the network's k-th input. */
  readonly sources: readonly number[];
  readonly known: boolean;
  readonly filters: boolean;
  readonly note: unknown;
}

export interface Picture {
  readonly height: number;
  readonly width: number;
  readonly colours: number;
  readonly low: number;
  readonly high: number;
}

export interface Network {
  readonly name: string;
  readonly revision: number;
  readonly layers: readonly Layer[];
  readonly classes: readonly string[];
  readonly examples: number;
  readonly picture: Picture | null;
  readonly trainer: boolean;
  /** u1 [count, height, width, colours]. */
  readonly thumbnails: NamedArray | null;
}

export interface Guess {
  readonly index: number;
  readonly score: number;
  readonly probability: number;
}

export interface Health {
  readonly zeros: number | null;
  readonly dead: readonly number[];
  readonly gradient: number | null;
  readonly vanishing: boolean;
}

export interface RowImages {
  readonly first: number;
  readonly depth: number;
  /** [count, height, width], NaN where there is nothing; null where the layer has none. */
  readonly images: Image3 | null;
}

export interface Progress {
  readonly epoch: number;
  readonly step: number;
  readonly kept: readonly { readonly step: number; readonly epoch: number }[];
}

export interface Working {
  /** The attribution, or `health`. */
  readonly name: string;
  readonly done: number;
  readonly of: number;
}

export interface Frame {
  readonly revision: number;
  /** Another number: all images are others. */
  readonly look: number;
  readonly row: number | null;
  readonly guesses: readonly Guess[];
  readonly target: number;
  readonly show: string;
  /** Largest absolute value of each layer. */
  readonly largest: readonly (number | null)[];
  /** The images that came along. */
  readonly rows: Rows;
  readonly health: readonly Health[];
  /** What is computed that takes a while; null where nothing is. */
  readonly progress: Working | null;
  readonly problem: unknown;
  readonly training: Progress | null;
  readonly input: NamedArray | null;
  readonly attribution: NamedArray | null;
}

export function readNetwork({ meta, arrays }: Message): Network {
  if (!Array.isArray(meta["layers"])) throw new ProtocolError('hello brought no "layers".');
  return {
    name: String(meta["name"]),
    revision: Number(meta["revision"]),
    layers: meta["layers"] as Layer[],
    classes: (meta["classes"] ?? []) as string[],
    examples: Number(meta["examples"]),
    picture: (meta["picture"] ?? null) as Picture | null,
    trainer: meta["trainer"] === true,
    thumbnails: arrays["thumbnails"] ?? null,
  };
}

/** A frame that tells only of a problem keeps the last pictures. */
export function readFrame({ meta, arrays }: Message, last: Frame | null): Frame {
  const revision = Number(meta["revision"]);
  if (meta["guesses"] === undefined && last !== null) {
    return { ...last, revision, problem: meta["problem"] };
  }
  return {
    revision,
    look: Number(meta["look"]),
    row: (meta["row"] ?? null) as number | null,
    guesses: (meta["guesses"] ?? []) as Guess[],
    target: Number(meta["target"] ?? 0),
    show: (meta["show"] ?? "activations") as string,
    largest: (meta["largest"] ?? []) as (number | null)[],
    rows: readRows(meta, arrays),
    health: (meta["health"] ?? []) as Health[],
    progress: (meta["progress"] ?? null) as Working | null,
    problem: meta["problem"] ?? null,
    training: (meta["training"] ?? null) as Progress | null,
    input: arrays["input"] ?? null,
    attribution: arrays["attribution"] ?? null,
  };
}

/** The images of layers, by `rowKey`. */
export type Rows = ReadonlyMap<string, RowImages>;

/** A layer by its index, from one of its units on: another view may show others of them. */
export function rowKey(layer: number, first: number): string {
  return `${layer}.${first}`;
}

export function readRows(meta: Message["meta"], arrays: Message["arrays"]): Rows {
  const rows = new Map<string, RowImages>();
  const known = new Set<number>();
  for (const row of (meta["rows"] ?? []) as { layer: number; first: number; depth: number }[]) {
    const key = rowKey(row.layer, row.first);
    const array = arrays[known.has(row.layer) ? `row${key}` : `row${row.layer}`];
    known.add(row.layer);
    rows.set(key, { ...row, images: array === undefined ? null : image3(array) });
  }
  return rows;
}

/** conv1 · Conv2d, and which call of it. */
export function layerTitle({ name, call }: Layer): string {
  return call === 0 ? name : `${name} (${call + 1})`;
}

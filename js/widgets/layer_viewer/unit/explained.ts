/** A unit's formula as the kernel worked it out. */

import type { Message, NamedArray } from "../../../shared/kernel/protocol.ts";
import { ProtocolError } from "../../../shared/kernel/protocol.ts";

export interface Place {
  readonly layer: number;
  /** The unit, then its position. */
  readonly at: readonly number[];
}

export interface Link {
  readonly source: number;
  readonly unit: number;
  readonly share: number;
}

export interface Formula {
  readonly kind: string;
  readonly name: string;
  /** The activation that a layer of Keras applies to its sum; empty for none. */
  readonly then: string;
  /** Of a layer that takes several steps the last, which this is the formula of; else empty. */
  readonly lastStep: string;
  readonly value: number;
  readonly result: number;
  readonly numbers: Readonly<Record<string, number>>;
  /** The input's units that the window's channels are. */
  readonly units: readonly number[];
  readonly chosen: number;
  readonly links: readonly Link[];
  readonly count: number;
  readonly start: readonly number[] | null;
  readonly step: readonly number[] | null;
  readonly window: NamedArray;
  readonly weights: NamedArray | null;
  readonly inside: NamedArray | null;
}

export interface Explained {
  readonly place: Place;
  readonly answer: number;
  readonly factor: number;
  /** The unit's own image, [height, width]. */
  readonly map: NamedArray;
  /** The image of a unit that feeds it, and which one. */
  readonly below: NamedArray | null;
  readonly source: number | null;
  /** Shape of what feeds it, units first. */
  readonly size: readonly number[] | null;
  /** Null where it is not known in numbers; `problem` says why. */
  readonly formula: Formula | null;
  readonly problem: unknown;
}

export function readExplained({ meta, arrays }: Message, place: Place): Explained {
  const map = arrays["map"];
  if (map === undefined) throw new ProtocolError('unit.explain brought no "map".');
  const window = arrays["window"];
  return {
    place,
    answer: Number(meta["answer"]),
    factor: Number(meta["factor"]),
    map,
    below: arrays["below"] ?? null,
    source: (meta["source"] ?? null) as number | null,
    size: (meta["size"] ?? null) as number[] | null,
    problem: meta["problem"] ?? null,
    formula:
      window === undefined
        ? null
        : {
            kind: String(meta["kind"]),
            name: String(meta["name"]),
            then: typeof meta["then"] === "string" ? meta["then"] : "",
            lastStep: typeof meta["last_step"] === "string" ? meta["last_step"] : "",
            value: Number(meta["value"]),
            result: Number(meta["result"]),
            numbers: numbers(meta["numbers"]),
            units: (meta["units"] ?? []) as number[],
            chosen: Number(meta["chosen"]),
            links: (
              (meta["links"] ?? []) as (Omit<Link, "share"> & { readonly share: unknown })[]
            ).map((link) => ({
              ...link,
              share: Number(link.share),
            })),
            count: Number(meta["count"]),
            start: (meta["start"] ?? null) as number[] | null,
            step: (meta["step"] ?? null) as number[] | null,
            window,
            weights: arrays["weights"] ?? null,
            inside: arrays["inside"] ?? null,
          },
  };
}

function numbers(given: unknown): Record<string, number> {
  const entries = Object.entries((given ?? {}) as Record<string, unknown>);
  return Object.fromEntries(entries.map(([name, value]) => [name, Number(value)]));
}

/** The part of the network's input that a unit sees. */
export interface Field {
  readonly place: Place;
  /** [first, behind the last] in each dimension. */
  readonly box: readonly (readonly [number, number])[];
  readonly exact: boolean;
  readonly effective: NamedArray | null;
  readonly problem: unknown;
}

export function readField({ meta, arrays }: Message, place: Place): Field {
  return {
    place,
    box: (meta["box"] ?? []) as [number, number][],
    exact: meta["exact"] === true,
    effective: arrays["effective"] ?? null,
    problem: meta["problem"] ?? null,
  };
}

/** What the kernel measured, as `docs/protocol.md` describes it. */

import { type Message, ProtocolError } from "../../shared/protocol.ts";

export interface RangeTest {
  readonly rates: Float32Array;
  readonly losses: Float32Array;
  readonly smoothed: Float32Array;
  readonly scale: "exponential" | "linear";
  /** The rate before the test. */
  readonly current: number;
  readonly suggestion: number | null;
  /** Why the test ended early: `{key, params, text}`. */
  readonly stopped: unknown;
  /** What the trainer is called. */
  readonly name: string | null;
}

export function readRangeTest({ meta, arrays }: Message): RangeTest {
  const read = (name: string): Float32Array => {
    const values = arrays[name]?.values;
    if (!(values instanceof Float32Array)) throw new ProtocolError(`hello brought no "${name}".`);
    return values;
  };
  const [rates, losses, smoothed] = [read("rates"), read("losses"), read("smoothed")];
  if (losses.length !== rates.length || smoothed.length !== rates.length) {
    throw new ProtocolError("The rates and losses of a range test must be as many.");
  }
  return {
    rates,
    losses,
    smoothed,
    scale: meta["scale"] === "linear" ? "linear" : "exponential",
    current: Number(meta["current"]),
    suggestion: typeof meta["suggestion"] === "number" ? meta["suggestion"] : null,
    stopped: meta["stopped"] ?? null,
    name: typeof meta["name"] === "string" ? meta["name"] : null,
  };
}

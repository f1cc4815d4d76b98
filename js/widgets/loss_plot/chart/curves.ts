/** The curves of a window: asked for by `curves.get`, and what its reply holds. */

import { type ReadonlySignal, signal } from "@preact/signals-core";

import type { CurvePoints } from "../../../draw/curves.ts";
import { react } from "../../../shared/lifetime.ts";
import { type Message, ProtocolError } from "../../../shared/kernel/protocol.ts";
import { floats } from "../../../shared/kernel/read.ts";
import type { Params, Rpc } from "../../../shared/kernel/rpc.ts";
import { SingleFlight } from "../../../shared/kernel/single_flight.ts";
import type { Range } from "./window.ts";

export type Axis = "step" | "epoch" | "time";

export interface CurveData extends CurvePoints {
  readonly run: number;
  readonly name: string;
  readonly revision: number;
  readonly rows: number;
}

export interface Curves {
  readonly axis: Axis;
  readonly extent: Range | null;
  readonly curves: readonly CurveData[];
}

export interface Question {
  /** Two questions with the same key have the same answer. */
  readonly key: string;
  readonly axis: Axis;
  /** What the request says; read when it is sent. */
  readonly meta: () => Params;
}

/**
 * The answer to what the view wants to know now: one request at a time, none that would bring
 * nothing new.
 *
 * @param question null before the view can know what it wants to know.
 */
export function followCurves(
  rpc: Rpc,
  lifetime: AbortSignal,
  question: ReadonlySignal<Question | null>,
  failed: (error: unknown) => void,
): ReadonlySignal<Curves | null> {
  const curves = signal<Curves | null>(null);
  const over = () => lifetime.aborted;
  let asked = "";
  const requests = new SingleFlight<Question>(async ({ key, axis, meta }) => {
    if (key === asked || over()) return;
    asked = key;
    try {
      const reply = await rpc.request("curves.get", meta(), { timeout: null });
      curves.value = readCurves(reply, axis);
    } catch (error) {
      if (!over()) failed(error);
    }
  });
  react(lifetime, () => {
    if (question.value !== null) requests.want(question.value);
  });
  return curves;
}

export function readCurves(message: Message, axis: Axis): Curves {
  const { curves, extent } = message.meta;
  if (!Array.isArray(curves)) throw new ProtocolError("curves.get should answer with curves.");
  return {
    axis,
    extent: readExtent(extent),
    curves: curves.map((entry, i) => readCurve(message, entry as Record<string, unknown>, i)),
  };
}

function readCurve(message: Message, entry: Record<string, unknown>, i: number): CurveData {
  const offsets = floats(message, `x${i}`);
  const origin = Number(entry["origin"] ?? 0);
  const x = new Float64Array(offsets.length);
  for (let at = 0; at < x.length; at++) x[at] = origin + offsets[at]!;
  const { length } = x;
  return {
    run: Number(entry["run"]),
    name: String(entry["name"]),
    revision: Number(entry["revision"]),
    rows: Number(entry["rows"]),
    exact: entry["exact"] === true,
    x,
    low: floats(message, `low${i}`, length),
    high: floats(message, `high${i}`, length),
    smooth: `smooth${i}` in message.arrays ? floats(message, `smooth${i}`, length) : null,
  };
}

function readExtent(extent: unknown): Range | null {
  if (!Array.isArray(extent)) return null;
  const [low, high] = extent as unknown[];
  return typeof low === "number" && typeof high === "number" ? { low, high } : null;
}

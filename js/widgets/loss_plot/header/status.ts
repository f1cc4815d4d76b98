/** How far each run is: what a `plot.show` message says, and what that makes of the plot. */

import type { Look } from "../../../draw/looks.ts";
import { type Message, ProtocolError } from "../../../shared/kernel/protocol.ts";
import { type Group, GROUPS, type SeriesKind } from "../legend/series.ts";

export type RunState = "idle" | "running" | "paused" | "finished" | "failed";

export interface Best {
  readonly step: number;
  readonly epoch: number | null;
  readonly seconds: number | null;
  readonly value: number;
}

export interface SeriesStatus extends SeriesKind {
  readonly name: string;
  readonly rows: number;
  readonly last: number | null;
  readonly best: Best | null;
  readonly look: Look;
}

export interface RunStatus {
  readonly state: RunState;
  readonly message: unknown;
  /** What went wrong with those who only look on, the oldest first. */
  readonly notes: readonly unknown[];
  readonly epoch: number;
  readonly step: number;
  readonly lastEpoch: number | null;
  readonly lastStep: number | null;
  readonly stepsPerEpoch: number | null;
  readonly stepsPerSecond: number | null;
  readonly secondsLeft: number | null;
  readonly learningRate: number | null;
  readonly device: string;
  readonly memory: number | null;
  readonly revision: number;
  readonly series: readonly SeriesStatus[];
}

export interface Status {
  readonly runs: readonly RunStatus[];
}

export function readStatus({ kind, meta }: Message): Status {
  const runs = meta["runs"];
  if (!Array.isArray(runs)) throw new ProtocolError(`${kind} should bring a list of runs.`);
  return { runs: runs.map((run) => readRun(run as Record<string, unknown>)) };
}

function readRun(run: Record<string, unknown>): RunStatus {
  const series = (run["series"] ?? []) as Record<string, unknown>[];
  return {
    state: run["state"] as RunState,
    message: run["message"] ?? null,
    notes: Array.isArray(run["notes"]) ? run["notes"] : [],
    epoch: number(run["epoch"]) ?? 0,
    step: number(run["step"]) ?? 0,
    lastEpoch: number(run["last_epoch"]),
    lastStep: number(run["last_step"]),
    stepsPerEpoch: number(run["steps_per_epoch"]),
    stepsPerSecond: number(run["steps_per_second"]),
    secondsLeft: number(run["seconds_left"]),
    learningRate: number(run["learning_rate"]),
    device: typeof run["device"] === "string" ? run["device"] : "",
    memory: number(run["memory"]),
    revision: number(run["revision"]) ?? 0,
    series: series.map(readSeries),
  };
}

function readSeries(entry: Record<string, unknown>): SeriesStatus {
  const { name, group, part, higher, look } = entry;
  return {
    name: String(name),
    rows: number(entry["rows"]) ?? 0,
    last: number(entry["last"]),
    best: readBest(entry["best"]),
    group: GROUPS.includes(group as Group) ? (group as Group) : "other",
    part: typeof part === "string" ? part : null,
    higher: typeof higher === "boolean" ? higher : null,
    look: readLook(look),
  };
}

function readLook(look: unknown): Look {
  const { color, dash, width, marker } = (look ?? {}) as Record<string, unknown>;
  if (typeof color !== "number" || typeof width !== "number" || !Array.isArray(dash)) {
    throw new ProtocolError("plot.show should say how each series looks.");
  }
  return { color, width, dash: dash.map(Number), marker: String(marker) };
}

function readBest(best: unknown): Best | null {
  if (typeof best !== "object" || best === null) return null;
  const { step, epoch, seconds, value } = best as Record<string, unknown>;
  const [at, reached] = [number(step), number(value)];
  if (at === null || reached === null) return null;
  return { step: at, epoch: number(epoch), seconds: number(seconds), value: reached };
}

/** A number as the protocol writes it: what JSON lacks is a string, nothing is null. */
function number(value: unknown): number | null {
  if (typeof value === "number") return value;
  return typeof value === "string" && value !== "" ? Number(value) : null;
}

/** What all runs together do: the header speaks of that. */
export function overall(runs: readonly RunStatus[]): RunState {
  const states = new Set(runs.map(({ state }) => state));
  for (const state of ["running", "paused", "failed"] as const) if (states.has(state)) return state;
  return states.size === 1 && states.has("finished") ? "finished" : "idle";
}

/** How much is done, 0 to 1; null where the end is not known. */
export function doneShare(runs: readonly RunStatus[]): number | null {
  let done = 0;
  let due = 0;
  for (const { state, step, epoch, lastStep, lastEpoch, stepsPerEpoch } of runs) {
    if (state === "finished") {
      done += 1;
    } else if (lastStep !== null && lastStep > 0) {
      done += Math.min(1, step / lastStep);
    } else if (lastEpoch !== null && lastEpoch > 0) {
      const exact = stepsPerEpoch !== null && stepsPerEpoch > 0 ? step / stepsPerEpoch : epoch;
      done += Math.min(1, exact / lastEpoch);
    } else {
      return null;
    }
    due += 1;
  }
  return due === 0 ? null : done / due;
}

interface Said {
  readonly run: number;
  readonly message: unknown;
  /** Whether the run goes on all the same. */
  readonly goesOn: boolean;
}

/** Why a run does not go on, else the newest note of any run, with the run's index. */
export function firstMessage(runs: readonly RunStatus[]): Said | null {
  const failed = runs.findIndex(({ state, message }) => state === "failed" && message !== null);
  const run = failed >= 0 ? failed : runs.findIndex(({ message }) => message !== null);
  if (run >= 0) return { run, message: runs[run]!.message, goesOn: false };
  const noted = runs.findIndex(({ notes }) => notes.length > 0);
  return noted < 0 ? null : { run: noted, message: runs[noted]!.notes.at(-1), goesOn: true };
}

interface Ranked {
  readonly series: SeriesStatus;
}

/** Of each series the line that did best of all runs: the lowest loss, the highest share. */
export function bestLines<T extends Ranked>(lines: readonly T[]): T[] {
  const best = new Map<string, T>();
  for (const line of lines) {
    const { name, best: reached, higher } = line.series;
    if (reached === null) continue;
    const before = best.get(name)?.series.best?.value;
    if (
      before === undefined ||
      (higher === true ? reached.value > before : reached.value < before)
    ) {
      best.set(name, line);
    }
  }
  return [...best.values()];
}

/** What tells whether the curves have changed since they were asked for. */
export function recorded(runs: readonly RunStatus[]): string {
  return runs
    .map(({ revision, series }) => `${revision}:${series.map(({ rows }) => rows).join()}`)
    .join(";");
}

/** One picture of the training: what a `frame.show` message holds. */

import type { Message } from "../../shared/kernel/protocol.ts";
import { floats, numbers } from "../../shared/kernel/read.ts";

/** Rows and columns of a heat map, and how far the plane reaches from the middle. */
export const SIDE = 100;
export const EXTENT = 6;

/** What makes two networks have the same parameters and units. */
export interface Shape {
  readonly features: readonly string[];
  readonly hidden: readonly number[];
}

export interface Frame extends Shape {
  readonly epoch: number;
  readonly dataRevision: number;
  readonly networkRevision: number;
  readonly activation: string;
  readonly output: string;
  readonly epochsPerSecond: number;
  readonly parameters: Float32Array;
  readonly units: Uint8Array;
  readonly trainLoss: number;
  readonly testLoss: number;
  readonly history: History;
}

export interface History {
  readonly epochs: Uint32Array;
  readonly trainLow: Float32Array;
  readonly trainHigh: Float32Array;
  readonly testLow: Float32Array;
  readonly testHigh: Float32Array;
}

export interface Points {
  readonly revision: number;
  readonly trainPoints: Float32Array;
  readonly trainTargets: Float32Array;
  readonly testPoints: Float32Array;
  readonly testTargets: Float32Array;
}

export function readFrame(message: Message): Frame {
  const meta = message.meta;
  const features = meta["features"] as string[];
  const hidden = meta["hidden"] as number[];
  const sizes = [features.length, ...hidden, 1];
  const parameterCount = sizes.reduce((n, size, i) => n + (i && size * (sizes[i - 1]! + 1)), 0);
  const unitCount = sizes.reduce((n, size) => n + size, 0) - features.length;
  const losses = floats(message, "losses", 2);
  const epochs = numbers(message, "chart_epochs", Uint32Array);
  return {
    features,
    hidden,
    epoch: number(meta["epoch"]),
    dataRevision: number(meta["data"]),
    networkRevision: number(meta["network"]),
    activation: String(meta["activation"]),
    output: String(meta["output"]),
    epochsPerSecond: number(meta["epochs_per_second"]),
    parameters: floats(message, "parameters", parameterCount),
    units: numbers(message, "units", Uint8Array, unitCount * SIDE * SIDE),
    trainLoss: losses[0]!,
    testLoss: losses[1]!,
    history: {
      epochs,
      trainLow: floats(message, "train_low", epochs.length),
      trainHigh: floats(message, "train_high", epochs.length),
      testLow: floats(message, "test_low", epochs.length),
      testHigh: floats(message, "test_high", epochs.length),
    },
  };
}

export function readPoints(message: Message): Points {
  const trainTargets = floats(message, "train_targets");
  const testTargets = floats(message, "test_targets");
  return {
    revision: number(message.meta["data"]),
    trainPoints: floats(message, "train_points", 2 * trainTargets.length),
    trainTargets,
    testPoints: floats(message, "test_points", 2 * testTargets.length),
    testTargets,
  };
}

/** The heat maps of all features, in the order of the menu. */
export function readFeatureMaps(message: Message): Uint8Array {
  return numbers(message, "features", Uint8Array);
}

export function sameShape(a: Shape | null, b: Shape | null): boolean {
  if (a === null || b === null) return a === b;
  return equal(a.features, b.features) && equal(a.hidden, b.hidden);
}

/** Where the heat map of a unit stands among all; layers count from the first hidden one. */
export function unitIndex(hidden: readonly number[], layer: number, unit: number): number {
  return hidden.slice(0, layer).reduce((sum, count) => sum + count, 0) + unit;
}

function number(value: unknown): number {
  return typeof value === "number" ? value : NaN;
}

function equal(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item, i) => item === b[i]);
}

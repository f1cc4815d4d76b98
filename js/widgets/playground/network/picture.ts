/** What the parts of the network are drawn from, and changing one of its numbers. */

import type { ReadonlySignal } from "@preact/signals-core";

import type { NetworkLayout } from "../../../draw/network.ts";
import type { Context } from "../context.ts";
import type { Frame, Shape } from "../frame.ts";

export interface Picture {
  readonly shape: ReadonlySignal<Shape>;
  readonly layout: ReadonlySignal<NetworkLayout>;
  /** The newest frame, if it is of the network that is laid out. */
  readonly frame: ReadonlySignal<Frame | null>;
}

/** Change one weight or bias of the network that is on the screen. */
export function setParameter(
  { command }: Context,
  { frame }: Picture,
  index: number,
  value: number,
): void {
  const network = frame.peek()?.networkRevision;
  if (network !== undefined) command("parameter.set", { index, value, network });
}

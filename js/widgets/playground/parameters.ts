/** Changing one weight or bias of the network that is on the screen. */

import type { Context } from "./context.ts";
import type { Picture } from "./network_panel.ts";

export function setParameter(
  { command }: Context,
  { frame }: Picture,
  index: number,
  value: number,
): void {
  const network = frame.peek()?.networkRevision;
  if (network !== undefined) command("parameter.set", { index, value, network });
}

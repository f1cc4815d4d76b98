/** What a panel has to show, from what is known. */

import type { Problem } from "../servers/problems";
import type { TensorBoard } from "../servers/tensorboards";

export type PanelState =
  | { readonly kind: "starting" | "stopped" }
  | { readonly kind: "ready"; readonly url: string }
  | { readonly kind: "failed" | "unreachable"; readonly problem: Problem };

export interface Known {
  /** Whether the server was asked to start it and has not answered yet. */
  readonly asked: boolean;
  /** Why the server would not. */
  readonly refusal: Problem | null;
  /** What the server lists of it, if it does. */
  readonly listed: TensorBoard | undefined;
  /** Why the server does not answer. */
  readonly unreachable: Problem | null;
}

export function panelState({ asked, refusal, listed, unreachable }: Known): PanelState {
  if (asked) return { kind: "starting" };
  if (refusal !== null && refusal.key !== "unreachable") {
    return { kind: "failed", problem: refusal };
  }
  const gone = unreachable ?? refusal;
  if (gone !== null) return { kind: "unreachable", problem: gone };
  if (listed === undefined) return { kind: "stopped" };
  if (listed.problem !== null) return { kind: "failed", problem: listed.problem };
  return listed.state === "ready" ? { kind: "ready", url: listed.url } : { kind: "starting" };
}

/** The folder's own name, for a tab. */
export function folderName(path: string): string {
  const parts = path.split(/[/\\]/).filter((part) => part !== "");
  return parts.at(-1) ?? path;
}

/** Which folders the chooser offers for what was typed. */

import type { Logdir } from "./servers/tensorboards";

export type Choice =
  | { readonly kind: "logdir"; readonly logdir: Logdir }
  /** A path that the server did not list. */
  | { readonly kind: "path"; readonly path: string };

/**
 * The folders whose path has every word of `typed`, in the server's order, and `typed` itself
 * where it may be a path. That comes first where it looks like one.
 */
export function choices(logdirs: readonly Logdir[], typed: string): readonly Choice[] {
  const path = typed.trim();
  const words = path.toLowerCase().split(/\s+/).filter(Boolean);
  const listed = logdirs
    .filter((logdir) => words.every((word) => logdir.path.toLowerCase().includes(word)))
    .map((logdir): Choice => ({ kind: "logdir", logdir }));
  if (path === "" || logdirs.some((logdir) => logdir.path === path)) {
    return exactFirst(listed, path);
  }
  const own: Choice = { kind: "path", path };
  return /^([~/\\]|[a-z]:)/i.test(path) ? [own, ...listed] : [...listed, own];
}

export function choicePath(choice: Choice): string {
  return choice.kind === "logdir" ? choice.logdir.path : choice.path;
}

function exactFirst(listed: Choice[], path: string): Choice[] {
  const exact = (choice: Choice) => path !== "" && choicePath(choice) === path;
  return [...listed.filter(exact), ...listed.filter((choice) => !exact(choice))];
}

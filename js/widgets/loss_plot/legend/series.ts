/** What a series means, as the kernel says it, and how it is called. */

import type { Translate } from "../../../shared/i18n.ts";

/** Losses on the left; shares from 0 to 1, the learning rate and all else on axes of their own. */
export type Group = "loss" | "share" | "other" | "rate";

export const GROUPS: readonly Group[] = ["loss", "share", "other", "rate"];

export interface SeriesKind {
  readonly group: Group;
  /** The data it was measured on: train, validation or test; null where no one can say. */
  readonly part: string | null;
  /** Whether it is better the higher it is; null where no one can say. */
  readonly higher: boolean | null;
}

/** Losses first, train before what is held back, the learning rate last. */
export function inOrder(a: SeriesKind, b: SeriesKind): number {
  const rank = ({ group, part }: SeriesKind) =>
    4 * GROUPS.indexOf(group) + ["validation", "test"].indexOf(part ?? "");
  return rank(a) - rank(b);
}

/** What a series is called, in the field's terms where we know them. */
export function seriesLabel(t: Translate, name: string): string {
  const key = `loss_plot.series_${name}`;
  const known = t(key);
  return known === key ? name.replaceAll("_", " ") : known;
}

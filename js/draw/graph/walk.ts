/** From item to item along the lines of a graph, as the arrow keys go. */

import type { Placed } from "./nested.ts";
import { ENTRY, EXIT, type Groups } from "./tree.ts";

export type Way = "forward" | "backward" | "left" | "right";

/** The item that one comes to from another that is shown; null where the way ends. */
export function walk(groups: Groups, placed: Placed, item: number, way: Way): number | null {
  if (way === "forward" || way === "backward") return follow(groups, placed, item, way);
  return beside(groups, placed, item, way);
}

/** Where one begins: what nothing leads to. */
export function beginning(groups: Groups, placed: Placed): number | null {
  return entered(groups, placed, groups.root, "forward");
}

function follow(
  groups: Groups,
  placed: Placed,
  from: number,
  way: "forward" | "backward",
): number | null {
  // Into an open group one goes by its own beginning.
  if (way === "forward" && placed.open.has(from)) {
    const within = entered(groups, placed, from, way);
    if (within !== null) return within;
  }
  for (let item = from; item !== groups.root; item = groups.parent(item)) {
    const inside = groups.inside(groups.parent(item));
    const [here, there] = way === "forward" ? [inside.from, inside.to] : [inside.to, inside.from];
    const next: number[] = [];
    let leaves = false;
    for (let edge = 0; edge < here.length; edge++) {
      if (here[edge] !== item) continue;
      const other = there[edge]!;
      if (other >= 0) next.push(other);
      else leaves = true;
    }
    const near = nearest(placed, item, next);
    if (near !== null) {
      return placed.open.has(near) ? (entered(groups, placed, near, way) ?? near) : near;
    }
    if (!leaves) return null;
  }
  return null;
}

/** The first item within a group, or its last. */
function entered(
  groups: Groups,
  placed: Placed,
  group: number,
  way: "forward" | "backward",
): number | null {
  const { items, from, to } = groups.inside(group);
  if (items.length === 0) return null;
  const ends =
    way === "forward"
      ? { mark: ENTRY, here: from, there: to }
      : { mark: EXIT, here: to, there: from };
  const marked: number[] = [];
  ends.here.forEach((one, edge) => {
    if (one === ends.mark) marked.push(ends.there[edge]!);
  });
  const found = marked[0] ?? (way === "forward" ? items[0]! : items.at(-1)!);
  return placed.open.has(found) ? (entered(groups, placed, found, way) ?? found) : found;
}

function nearest({ direction, x, y, wide, tall }: Placed, from: number, items: readonly number[]) {
  const across = (item: number) =>
    direction === "down" ? x[item]! + wide[item]! / 2 : y[item]! + tall[item]! / 2;
  const apart = (item: number) => Math.abs(across(item) - across(from));
  return items.length === 0 ? null : items.reduce((a, b) => (apart(b) < apart(a) ? b : a));
}

/** The next item of the same group that stands beside another. */
function beside(
  groups: Groups,
  { direction, x, y, wide, tall }: Placed,
  item: number,
  way: "left" | "right",
): number | null {
  if (item === groups.root) return null;
  const down = direction === "down";
  const along = (one: number) => (down ? [y[one]!, tall[one]!] : [x[one]!, wide[one]!]);
  const across = (one: number) => (down ? x[one]! : y[one]!);
  const [start, size] = along(item) as [number, number];
  const step = way === "right" ? 1 : -1;
  let found: number | null = null;
  for (const one of groups.inside(groups.parent(item)).items) {
    const [at, its] = along(one) as [number, number];
    if (one === item || at >= start + size || at + its <= start) continue;
    const apart = step * (across(one) - across(item));
    if (apart > 0 && (found === null || apart < step * (across(found) - across(item)))) found = one;
  }
  return found;
}

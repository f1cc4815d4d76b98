/** What of a graph a regular expression finds. */

import type { Drawn } from "./drawn.ts";

export interface Found {
  /** Items in the order in which they are drawn; null where nothing is looked for. */
  readonly items: readonly number[] | null;
  /** Why the expression is not one, as the browser says it; null where it is one. */
  readonly wrong: string | null;
  /** What is found, what lies in it, and what it lies in. */
  readonly bright: ReadonlySet<number>;
}

const NOTHING: Found = { items: null, wrong: null, bright: new Set() };

export function find(drawn: Drawn, text: string): Found {
  if (text === "") return NOTHING;
  let expression: RegExp;
  try {
    expression = new RegExp(text, "i");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    // Browsers repeat the expression before they say what is wrong with it.
    const wrong = reason.replace(/^Invalid regular expression: (\/.*\/[a-z]*: )?/s, "");
    return { ...NOTHING, wrong };
  }
  const { groups } = drawn;
  const hit = new Uint8Array(drawn.count);
  const bright = new Set<number>();
  const items: number[] = [];
  /** In the order of the program, groups before what is in them. */
  const visit = (group: number, within: boolean): boolean => {
    let any = false;
    for (const item of groups.inside(group).items) {
      const found = expression.test(drawn.text(item));
      if (found) {
        hit[item] = 1;
        items.push(item);
      }
      const below = groups.isGroup(item) && visit(item, within || found);
      if (found || within || below) bright.add(item);
      any ||= found || below;
    }
    return any;
  };
  visit(drawn.root, false);
  return { items, wrong: null, bright };
}

/** An item of one of the graphs. */
export interface Hit {
  readonly index: number;
  readonly item: number;
}

/** The hit behind one, or before it: from graph to graph, round at the ends. */
export function nextHit(found: readonly Found[], from: Hit, step: 1 | -1): Hit | null {
  const hits = found.flatMap(({ items }, index) => (items ?? []).map((item) => ({ index, item })));
  const at = hits.findIndex(({ index, item }) => index === from.index && item === from.item);
  if (at < 0) return hits.at(step > 0 ? 0 : -1) ?? null;
  return hits.at((at + step) % hits.length)!;
}

/**
 * A layered drawing of a directed graph, in linear time: what comes first stands on top.
 *
 * Ranks by the longest path, an order within them by the means of what they are connected with, and
 * places that pull the ends of edges together, as K. Sugiyama et al. have it ("Methods for Visual
 * Understanding of Hierarchical System Structures", 1981). Order follows from what is connected
 * alone, never from sizes: where one item grows, the others keep their places in their rows.
 *
 * Edges of one item share a trunk, from which they branch off. Those that would run past more than
 * `LONGEST` ranks are not drawn through but given a stub at either end.
 */

/** Ranks that an edge runs past at most. */
export const LONGEST = 20;

const SWEEPS = 4;
const ALIGNMENTS = 6;
/** Width that a trunk takes up where it passes a rank, and how strongly it is kept straight. */
const TRUNK = 10;
const STRAIGHT = 4;

export interface Gaps {
  /** Between two items of a rank. */
  readonly across: number;
  /** Between two ranks. */
  readonly along: number;
}

export interface LayeredGraph {
  /** Sizes across the ranks and along the flow, one for each item. */
  readonly across: ArrayLike<number>;
  readonly along: ArrayLike<number>;
  /** Items by their indices; each pair once. */
  readonly from: ArrayLike<number>;
  readonly to: ArrayLike<number>;
  readonly gaps: Gaps;
  /** The item that stands before all others and the one behind them; −1 for none. */
  readonly first?: number;
  readonly last?: number;
}

/** What an edge is drawn as: forward, back to what came before, or a stub at either end. */
export const FORWARD = 0;
export const BACK = 1;
export const STUB = 2;

export interface Layered {
  /** Middles of the items. */
  readonly across: Float64Array;
  readonly along: Float64Array;
  readonly rank: Int32Array;
  /** Items of each rank in their order, one rank after the other from `starts[rank]` on. */
  readonly order: Int32Array;
  readonly starts: Int32Array;
  /** Where each rank begins and ends along the flow. */
  readonly begins: Float64Array;
  readonly ends: Float64Array;
  readonly width: number;
  readonly height: number;
  readonly courses: Uint8Array;
  /** Where forward edges pass ranks: of edge e from `bendStarts[e]` on, one place a rank. */
  readonly bendStarts: Int32Array;
  readonly bends: Float64Array;
}

export function layered(graph: LayeredGraph): Layered {
  const count = graph.across.length;
  const edges = graph.from.length;
  const { rank, courses } = ranked(graph);

  // Trunks: dummies for the ranks that forward edges of an item run past.
  const reach = new Int32Array(count);
  for (let e = 0; e < edges; e++) {
    if (courses[e] !== FORWARD) continue;
    const source = graph.from[e]!;
    reach[source] = Math.max(reach[source]!, rank[graph.to[e]!]! - rank[source]! - 1);
  }
  const trunk = new Int32Array(count + 1);
  trunk[0] = count;
  for (let i = 0; i < count; i++) trunk[i + 1] = trunk[i]! + reach[i]!;
  const total = trunk[count]!;
  const level = new Int32Array(total);
  level.set(rank);
  for (let i = 0; i < count; i++) {
    for (let k = 0; k < reach[i]!; k++) level[trunk[i]! + k] = rank[i]! + 1 + k;
  }

  // Links between neighbouring ranks.
  const tails: number[] = [];
  const heads: number[] = [];
  for (let i = 0; i < count; i++) {
    for (let k = 0; k < reach[i]!; k++) {
      tails.push(k === 0 ? i : trunk[i]! + k - 1);
      heads.push(trunk[i]! + k);
    }
  }
  for (let e = 0; e < edges; e++) {
    const [source, target] = [graph.from[e]!, graph.to[e]!];
    const span = rank[target]! - rank[source]!;
    if (courses[e] === FORWARD) {
      tails.push(span === 1 ? source : trunk[source]! + span - 2);
      heads.push(target);
    }
  }
  const ups = adjacency(total, heads, tails);
  const downs = adjacency(total, tails, heads);

  const { order, starts } = inRanks(total, level);
  sweep(order, starts, ups, downs);
  const size = (i: number) => (i < count ? graph.across[i]! : TRUNK);
  const middles = aligned(order, starts, ups, downs, size, count, graph.gaps.across);

  // Along the flow.
  const ranks = starts.length - 1;
  const begins = new Float64Array(ranks);
  const ends = new Float64Array(ranks);
  let below = 0;
  for (let r = 0; r < ranks; r++) {
    let tallest = 0;
    for (let j = starts[r]!; j < starts[r + 1]!; j++) {
      const item = order[j]!;
      if (item < count) tallest = Math.max(tallest, graph.along[item]!);
    }
    begins[r] = below;
    ends[r] = below + tallest;
    below += tallest + graph.gaps.along;
  }
  const along = new Float64Array(count);
  let [left, right] = [Infinity, -Infinity];
  for (let i = 0; i < total; i++) {
    left = Math.min(left, middles[i]! - size(i) / 2);
    right = Math.max(right, middles[i]! + size(i) / 2);
  }
  for (let i = 0; i < total; i++) middles[i]! -= left;
  for (let i = 0; i < count; i++) along[i] = (begins[rank[i]!]! + ends[rank[i]!]!) / 2;

  // Where each edge passes.
  const bendStarts = new Int32Array(edges + 1);
  const bends: number[] = [];
  for (let e = 0; e < edges; e++) {
    if (courses[e] === FORWARD) {
      const source = graph.from[e]!;
      const past = rank[graph.to[e]!]! - rank[source]! - 1;
      for (let k = 0; k < past; k++) bends.push(middles[trunk[source]! + k]!);
    }
    bendStarts[e + 1] = bends.length;
  }
  const items = ofItems(order, starts, count);
  return {
    across: middles.slice(0, count),
    along,
    rank,
    ...items,
    begins,
    ends,
    width: count === 0 ? 0 : right - left,
    height: count === 0 ? 0 : below - graph.gaps.along,
    courses,
    bendStarts,
    bends: Float64Array.from(bends),
  };
}

/** The rank of each item, and how each edge is drawn. */
function ranked({ across, from, to, first = -1, last = -1 }: LayeredGraph) {
  const count = across.length;
  const edges = from.length;
  const courses = new Uint8Array(edges);
  const rank = new Int32Array(count);
  const outs = adjacency(count, from, to);
  // The edges of each item in the same order as its neighbours.
  const out = adjacency(
    count,
    from,
    Array.from({ length: edges }, (_, e) => e),
  );
  const waiting = new Int32Array(count);
  for (let e = 0; e < edges; e++) {
    if (from[e] === to[e]) courses[e] = BACK;
    else waiting[to[e]!]!++;
  }
  const done = new Uint8Array(count);
  const queue = new Int32Array(count);
  let [begin, end] = [0, 0];
  const put = (item: number) => {
    done[item] = 1;
    queue[end++] = item;
  };
  if (first >= 0) {
    put(first);
    // Nothing stands beside what comes first.
    for (let i = 0; i < count; i++) if (i !== first) rank[i] = 1;
  }
  for (let i = 0; i < count; i++) if (waiting[i] === 0 && done[i] === 0) put(i);
  for (let oldest = 0; end < count || begin < end;) {
    if (begin === end) {
      // A circle: what came first in the program begins it, and what leads there leads back.
      while (done[oldest] === 1) oldest++;
      put(oldest);
    }
    const item = queue[begin++]!;
    for (let k = outs.starts[item]!; k < outs.starts[item + 1]!; k++) {
      const target = outs.items[k]!;
      if (target === item) continue;
      if (done[target] === 1) {
        courses[out.items[k]!] = BACK;
        continue;
      }
      rank[target] = Math.max(rank[target]!, rank[item]! + 1);
      waiting[target]!--;
      if (waiting[target] === 0) put(target);
    }
  }
  // What nothing leads to moves down to where it is needed.
  const entered = new Uint8Array(count);
  const nearest = new Int32Array(count).fill(0x7fffffff);
  for (let e = 0; e < edges; e++) {
    if (courses[e] === BACK) continue;
    entered[to[e]!] = 1;
    nearest[from[e]!] = Math.min(nearest[from[e]!]!, rank[to[e]!]!);
  }
  for (let i = 0; i < count; i++) {
    if (entered[i] === 0 && i !== first && nearest[i]! < 0x7fffffff) rank[i] = nearest[i]! - 1;
  }
  if (last >= 0) {
    let lowest = 0;
    for (let i = 0; i < count; i++) if (i !== last) lowest = Math.max(lowest, rank[i]!);
    rank[last] = count === 1 ? 0 : lowest + 1;
  }
  for (let e = 0; e < edges; e++) {
    if (courses[e] === FORWARD && rank[to[e]!]! - rank[from[e]!]! - 1 > LONGEST) {
      courses[e] = STUB;
    }
  }
  return { rank, courses };
}

interface Adjacency {
  readonly starts: Int32Array;
  readonly items: Int32Array;
}

/** The values of each key, in the order in which they come. */
function adjacency(count: number, keys: ArrayLike<number>, values: ArrayLike<number>): Adjacency {
  const starts = new Int32Array(count + 1);
  for (let k = 0; k < keys.length; k++) starts[keys[k]! + 1]!++;
  for (let i = 0; i < count; i++) starts[i + 1]! += starts[i]!;
  const next = starts.slice();
  const items = new Int32Array(keys.length);
  for (let k = 0; k < keys.length; k++) items[next[keys[k]!]!++] = values[k]!;
  return { starts, items };
}

/** Items by rank, within each by their index: the order in which the program made them. */
function inRanks(total: number, level: Int32Array) {
  let ranks = 0;
  for (let i = 0; i < total; i++) ranks = Math.max(ranks, level[i]! + 1);
  const { starts, items } = adjacency(
    ranks,
    level,
    Array.from({ length: total }, (_, i) => i),
  );
  return { order: items, starts };
}

/** Order the items of each rank by the means of their neighbours, down and up again. */
function sweep(order: Int32Array, starts: Int32Array, ups: Adjacency, downs: Adjacency) {
  const ranks = starts.length - 1;
  const place = new Float64Array(order.length);
  const key = new Float64Array(order.length);
  const number = (r: number) => {
    for (let j = starts[r]!; j < starts[r + 1]!; j++) place[order[j]!] = j - starts[r]!;
  };
  for (let r = 0; r < ranks; r++) number(r);
  for (let turn = 0; turn < SWEEPS; turn++) {
    const neighbours = turn % 2 === 0 ? ups : downs;
    for (let step = 0; step < ranks; step++) {
      const r = turn % 2 === 0 ? step : ranks - 1 - step;
      const row = order.subarray(starts[r], starts[r + 1]);
      if (row.length < 2) continue;
      let sorted = true;
      for (let j = 0; j < row.length; j++) {
        const item = row[j]!;
        const [begin, end] = [neighbours.starts[item]!, neighbours.starts[item + 1]!];
        let sum = 0;
        for (let k = begin; k < end; k++) sum += place[neighbours.items[k]!]!;
        key[item] = end > begin ? sum / (end - begin) : place[item]!;
        sorted &&= j === 0 || key[row[j - 1]!]! <= key[item];
      }
      if (!sorted) row.sort((a, b) => key[a]! - key[b]! || place[a]! - place[b]!);
      number(r);
    }
  }
}

/** Places across the ranks: near to what an item is connected with, and apart from its neighbours. */
function aligned(
  order: Int32Array,
  starts: Int32Array,
  ups: Adjacency,
  downs: Adjacency,
  size: (item: number) => number,
  count: number,
  gap: number,
): Float64Array {
  const ranks = starts.length - 1;
  const x = new Float64Array(order.length);
  for (let r = 0; r < ranks; r++) {
    let end = 0;
    for (let j = starts[r]!; j < starts[r + 1]!; j++) {
      x[order[j]!] = end + size(order[j]!) / 2;
      end += size(order[j]!) + gap;
    }
    for (let j = starts[r]!; j < starts[r + 1]!; j++) x[order[j]!]! -= (end - gap) / 2;
  }
  let widest = 0;
  for (let r = 0; r < ranks; r++) widest = Math.max(widest, starts[r + 1]! - starts[r]!);
  const blocks = new Blocks(widest);
  for (let pass = 0; pass < ALIGNMENTS; pass++) {
    for (let step = 0; step < ranks; step++) {
      const r = pass % 2 === 0 ? step : ranks - 1 - step;
      blocks.clear();
      let offset = 0;
      for (let j = starts[r]!; j < starts[r + 1]!; j++) {
        const item = order[j]!;
        if (j > starts[r]!) offset += (size(order[j - 1]!) + size(item)) / 2 + gap;
        // The last pass looks both ways.
        const both = pass === ALIGNMENTS - 1;
        let [sum, weight] = [0, 0];
        for (const neighbours of both ? [ups, downs] : pass % 2 === 0 ? [ups] : [downs]) {
          for (let k = neighbours.starts[item]!; k < neighbours.starts[item + 1]!; k++) {
            const other = neighbours.items[k]!;
            const pull = item >= count && other >= count ? STRAIGHT : 1;
            sum += pull * x[other]!;
            weight += pull;
          }
        }
        const wish = weight > 0 ? sum / weight : x[item]!;
        blocks.add(wish - offset, weight > 0 ? Math.max(1, weight) : 0.1);
      }
      offset = 0;
      blocks.each((value, k) => {
        const j = starts[r]! + k;
        const item = order[j]!;
        if (k > 0) offset += (size(order[j - 1]!) + size(item)) / 2 + gap;
        x[item] = value + offset;
      });
    }
  }
  return x;
}

/**
 * Numbers that are nearest to wishes, in their order: neighbours that would cross are pooled, which
 * gives the least squares ("pool adjacent violators").
 */
class Blocks {
  readonly #sums: Float64Array;
  readonly #weights: Float64Array;
  readonly #sizes: Int32Array;
  #count = 0;

  constructor(most: number) {
    this.#sums = new Float64Array(most);
    this.#weights = new Float64Array(most);
    this.#sizes = new Int32Array(most);
  }

  clear(): void {
    this.#count = 0;
  }

  add(wish: number, weight: number): void {
    const [sums, weights, sizes] = [this.#sums, this.#weights, this.#sizes];
    let last = this.#count++;
    sums[last] = wish * weight;
    weights[last] = weight;
    sizes[last] = 1;
    while (last > 0 && sums[last - 1]! / weights[last - 1]! > sums[last]! / weights[last]!) {
      sums[last - 1]! += sums[last]!;
      weights[last - 1]! += weights[last]!;
      sizes[last - 1]! += sizes[last]!;
      last--;
    }
    this.#count = last + 1;
  }

  each(take: (value: number, index: number) => void): void {
    let index = 0;
    for (let b = 0; b < this.#count; b++) {
      const value = this.#sums[b]! / this.#weights[b]!;
      for (let k = 0; k < this.#sizes[b]!; k++) take(value, index++);
    }
  }
}

/** The order without the trunks. */
function ofItems(order: Int32Array, starts: Int32Array, count: number) {
  const kept = new Int32Array(count);
  const begins = new Int32Array(starts.length);
  let end = 0;
  for (let r = 0; r + 1 < starts.length; r++) {
    for (let j = starts[r]!; j < starts[r + 1]!; j++) {
      if (order[j]! < count) kept[end++] = order[j]!;
    }
    begins[r + 1] = end;
  }
  return { order: kept, starts: begins };
}

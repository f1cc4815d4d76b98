import { describe, expect, test } from "vitest";

import { BACK, FORWARD, type Layered, layered, LONGEST, STUB } from "./layered.ts";

const GAPS = { across: 10, along: 20 };

interface Graph {
  readonly count: number;
  readonly edges: readonly (readonly [number, number])[];
}

function laidOut({ count, edges }: Graph, size: (item: number) => readonly [number, number]) {
  const sizes = Array.from({ length: count }, (_, i) => size(i));
  const graph = {
    across: sizes.map(([across]) => across),
    along: sizes.map(([, along]) => along),
    from: edges.map(([from]) => from),
    to: edges.map(([, to]) => to),
    gaps: GAPS,
  };
  return { ...graph, flow: layered(graph) };
}

/** Numbers from 0 to 1, the same for each seed (mulberry32). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function randomGraph(seed: number, forward: boolean): Graph {
  const next = random(seed);
  const count = 1 + Math.floor(next() * 60);
  const pairs = new Set<string>();
  const edges: [number, number][] = [];
  for (let e = Math.floor(next() * 3 * count); e > 0; e--) {
    let [a, b] = [Math.floor(next() * count), Math.floor(next() * count)];
    if (forward && a === b) continue;
    if (forward && a > b) [a, b] = [b, a];
    if (pairs.has(`${a} ${b}`)) continue;
    pairs.add(`${a} ${b}`);
    edges.push([a, b]);
  }
  return { count, edges };
}

function overlaps(flow: Layered, across: readonly number[], along: readonly number[]): string[] {
  const found: string[] = [];
  for (let a = 0; a < across.length; a++) {
    for (let b = a + 1; b < across.length; b++) {
      const apart = (x: Float64Array, size: readonly number[]) =>
        Math.abs(x[a]! - x[b]!) - (size[a]! + size[b]!) / 2;
      if (apart(flow.across, across) < -1e-6 && apart(flow.along, along) < -1e-6) {
        found.push(`${a} and ${b}`);
      }
    }
  }
  return found;
}

describe("any graph", () => {
  const seeds = Array.from({ length: 120 }, (_, i) => i + 1);
  test.each([true, false])("has no overlaps, and edges point forward (acyclic: %s)", (forward) => {
    for (const seed of seeds) {
      const graph = randomGraph(seed, forward);
      const next = random(seed + 1000);
      const sizes = Array.from({ length: graph.count }, () => [5 + 80 * next(), 5 + 40 * next()]);
      const { flow, across, along } = laidOut(graph, (i) => sizes[i] as [number, number]);
      expect(overlaps(flow, across, along), `seed ${seed}`).toEqual([]);
      for (const [e, [from, to]] of graph.edges.entries()) {
        if (flow.courses[e] === BACK) expect(forward, `seed ${seed}, edge ${e}`).toBe(false);
        else {
          expect(flow.rank[to], `seed ${seed}, edge ${e}`).toBeGreaterThan(flow.rank[from]!);
          const [start, end] = [
            flow.along[from]! + along[from]! / 2,
            flow.along[to]! - along[to]! / 2,
          ];
          expect(end - start).toBeGreaterThanOrEqual(GAPS.along - 1e-6);
        }
      }
      // All that is drawn lies within its size.
      for (let i = 0; i < graph.count; i++) {
        expect(flow.across[i]! - across[i]! / 2).toBeGreaterThanOrEqual(-1e-6);
        expect(flow.across[i]! + across[i]! / 2).toBeLessThanOrEqual(flow.width + 1e-6);
        expect(flow.along[i]! + along[i]! / 2).toBeLessThanOrEqual(flow.height + 1e-6);
      }
    }
  });

  test("what leads back is as little as breaks the circles", () => {
    for (const seed of seeds) {
      const { count, edges } = randomGraph(seed, false);
      const { flow } = laidOut({ count, edges }, () => [10, 10]);
      // Without the edges that lead back there is an order: Kahn's, counted by hand.
      const kept = edges.filter((_, e) => flow.courses[e] !== BACK);
      const waiting = Array.from({ length: count }, () => 0);
      for (const [, to] of kept) waiting[to]!++;
      const free = waiting.flatMap((n, i) => (n === 0 ? [i] : []));
      for (const item of free) {
        for (const [from, to] of kept) {
          if (from !== item) continue;
          waiting[to]!--;
          if (waiting[to] === 0) free.push(to);
        }
      }
      expect(free, `seed ${seed}`).toHaveLength(count);
    }
  });

  test("keeps its order where sizes change", () => {
    for (const seed of seeds) {
      const graph = randomGraph(seed, true);
      const small = laidOut(graph, () => [10, 10]).flow;
      const large = laidOut(graph, (i) => (i % 3 === 0 ? [400, 300] : [10, 10])).flow;
      expect([...large.order]).toEqual([...small.order]);
      expect([...large.rank]).toEqual([...small.rank]);
    }
  });
});

describe("edges", () => {
  test("a chain is straight", () => {
    const edges = Array.from({ length: 9 }, (_, i) => [i, i + 1] as const);
    const { flow } = laidOut({ count: 10, edges }, (i) => [20 + 10 * i, 10]);
    expect(Math.max(...flow.across) - Math.min(...flow.across)).toBeLessThan(1e-6);
    expect([...flow.rank]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  test("a skip passes the ranks between beside what stands there", () => {
    const edges = [
      [0, 1],
      [1, 2],
      [2, 3],
      [0, 3],
    ] as const;
    const { flow } = laidOut({ count: 4, edges }, () => [60, 20]);
    const bends = flow.bends.slice(flow.bendStarts[3], flow.bendStarts[4]);
    expect(bends).toHaveLength(2);
    for (const [i, item] of [1, 2].entries()) {
      expect(Math.abs(bends[i]! - flow.across[item]!)).toBeGreaterThanOrEqual(30 + 5);
    }
  });

  test("one that would pass very many ranks has a stub at either end", () => {
    const count = LONGEST + 3;
    const edges = Array.from({ length: count - 1 }, (_, i) => [i, i + 1] as [number, number]);
    edges.push([0, count - 1], [0, count - 2]);
    const { flow } = laidOut({ count, edges }, () => [20, 10]);
    expect(flow.courses.at(-2)).toBe(STUB);
    expect(flow.courses.at(-1)).toBe(FORWARD);
  });

  test("what nothing leads to stands right before what needs it", () => {
    const edges = [
      [0, 1],
      [1, 2],
      [2, 3],
      [4, 3],
    ] as const;
    expect(laidOut({ count: 5, edges }, () => [20, 10]).flow.rank[4]).toBe(2);
  });

  test("what comes in stands before all, what goes out behind all", () => {
    const graph = {
      across: [20, 20, 20, 0, 0],
      along: [10, 10, 10, 0, 0],
      from: [3, 0, 1, 2],
      to: [2, 1, 4, 4],
      gaps: GAPS,
      first: 3,
      last: 4,
    };
    const { rank } = layered(graph);
    expect(rank[3]).toBe(0);
    expect(Math.min(rank[0]!, rank[1]!, rank[2]!)).toBe(1);
    expect(rank[4]).toBe(Math.max(...rank));
    expect([...rank].filter((one) => one === rank[4])).toHaveLength(1);
  });
});

describe("large graphs", () => {
  /** Blocks with skips, as the layers of a transformer have them. */
  function blocks(count: number): Graph {
    const edges: [number, number][] = [];
    for (let i = 1; i < count; i++) {
      edges.push([i - 1, i]);
      if (i % 12 === 0) edges.push([i - 12, i]);
      if (i % 12 === 5) edges.push([i - 4, i]);
    }
    return { count, edges };
  }

  function wide(count: number, across = 8): Graph {
    const edges: [number, number][] = [];
    for (let i = across; i < count; i++) {
      edges.push([i - across, i]);
      if (i % 3 === 0) edges.push([i - across - (i % across), i]);
      if (i % 97 === 0 && i > 300) edges.push([i - 300, i]);
    }
    return { count, edges: edges.filter(([from]) => from >= 0) };
  }

  // Limits that only something other than linear time reaches, on a busy machine too; the figures
  // are the bench's.
  test.each([
    ["blocks", blocks],
    ["wide", wide],
  ])("%s: ten times as many take about ten times as long", (_, make) => {
    const median = (count: number) => {
      const graph = make(count);
      const times = Array.from({ length: 5 }, () => {
        const began = performance.now();
        laidOut(graph, () => [100, 30]);
        return performance.now() - began;
      });
      return times.sort((a, b) => a - b)[2]!;
    };
    median(5000);
    expect(median(50_000) / median(5000)).toBeLessThan(40);
  });
});

import { describe, expect, test } from "vitest";

import { ARRIVES, LEAVES, Nested, type Placed } from "./nested.ts";
import { type ItemLook, itemAt, paint, type Picture } from "./paint.ts";
import { type Pen, SvgPen } from "./pen.ts";
import { ENTRY, EXIT, type GraphTree, Groups } from "./tree.ts";
import { beginning, walk } from "./walk.ts";

/** Nodes 0 … n−1; groups by their parent and their nodes. */
function tree(
  groups: readonly { readonly parent: number; readonly nodes: readonly number[] }[],
  edges: readonly (readonly [number, number])[],
): GraphTree {
  const nodes = 1 + Math.max(...groups.flatMap((group) => group.nodes));
  const parent = new Int32Array(nodes + groups.length).fill(-1);
  groups.forEach((group, i) => {
    if (i > 0) parent[nodes + i] = nodes + group.parent;
    for (const node of group.nodes) parent[node] = nodes + i;
  });
  return { nodes, parent, from: edges.map(([a]) => a), to: edges.map(([, b]) => b) };
}

// 0 → block (1 → inner (2 → 3) → 4) → 5, and from 0 to 4 past the inner group.
const NET = tree(
  [
    { parent: -1, nodes: [0, 5] },
    { parent: 0, nodes: [1, 4] },
    { parent: 1, nodes: [2, 3] },
  ],
  [
    [0, 1],
    [1, 2],
    [2, 3],
    [3, 4],
    [0, 4],
    [4, 5],
  ],
);
const [ROOT, BLOCK, INNER] = [6, 7, 8];
const OPTIONS = {
  size: () => ({ width: 80, height: 30 }),
  head: () => ({ width: 100, height: 24 }),
};

function placed(open: readonly number[], direction: "down" | "right" = "down", net = NET) {
  const groups = new Groups(net);
  return { groups, placed: new Nested(groups, { ...OPTIONS, direction }).place(new Set(open)) };
}

function shown({ x }: Placed): number[] {
  return [...x].flatMap((at, item) => (Number.isNaN(at) ? [] : [item]));
}

describe("groups", () => {
  const groups = new Groups(NET);

  test("see what comes from without and goes there as such", () => {
    const { items, from, to } = groups.inside(BLOCK);
    expect([...items].sort()).toEqual([1, 4, INNER]);
    const edges = [...from].map((a, i) => [a, to[i]]);
    expect(edges).toEqual(
      expect.arrayContaining([
        [ENTRY, 1],
        [1, INNER],
        [INNER, 4],
        [ENTRY, 4],
        [4, EXIT],
      ]),
    );
    expect(edges).toHaveLength(5);
    // Two lines from 0 are one in the root.
    const root = groups.inside(ROOT);
    expect([...root.from].map((a, i) => [a, root.to[i], root.count[i]])).toEqual([
      [0, BLOCK, 2],
      [BLOCK, 5, 1],
    ]);
  });

  test("know what stands for an item", () => {
    expect(groups.shown(2, new Set())).toBe(BLOCK);
    expect(groups.shown(2, new Set([BLOCK]))).toBe(INNER);
    expect(groups.shown(2, new Set([BLOCK, INNER]))).toBe(2);
    // A group within one that is closed is not seen.
    expect(groups.shown(2, new Set([INNER]))).toBe(BLOCK);
  });

  test("know which lines touch an item", () => {
    const touched = [...groups.touching(INNER)].map(([group, edges]) => [
      group,
      [...edges].map((e) => [groups.inside(group).from[e], groups.inside(group).to[e]]),
    ]);
    expect(touched).toEqual([
      [
        BLOCK,
        [
          [1, INNER],
          [INNER, 4],
        ],
      ],
    ]);
  });
});

describe.each(["down", "right"] as const)("a graph laid out %s", (direction) => {
  test("shows what is open, and nothing else", () => {
    expect(shown(placed([], direction).placed)).toEqual([0, 5, ROOT, BLOCK]);
    expect(shown(placed([BLOCK], direction).placed)).toEqual([0, 1, 4, 5, ROOT, BLOCK, INNER]);
    expect(shown(placed([BLOCK, INNER], direction).placed)).toHaveLength(9);
    // What lies in a closed group is closed with it.
    expect(shown(placed([INNER], direction).placed)).toEqual([0, 5, ROOT, BLOCK]);
  });

  test("groups hold what is in them, and no two items of one overlap", () => {
    const { groups, placed: at } = placed([BLOCK, INNER], direction);
    for (const { group, items } of at.groups) {
      for (const item of items) {
        expect(at.x[item]!).toBeGreaterThanOrEqual(at.x[group]!);
        expect(at.y[item]!).toBeGreaterThanOrEqual(at.y[group]!);
        expect(at.x[item]! + at.wide[item]!).toBeLessThanOrEqual(at.x[group]! + at.wide[group]!);
        expect(at.y[item]! + at.tall[item]!).toBeLessThanOrEqual(at.y[group]! + at.tall[group]!);
        // Its name is not covered.
        if (group !== groups.root) expect(at.y[item]!).toBeGreaterThanOrEqual(at.y[group]! + 24);
      }
      for (const a of items) {
        for (const b of items) {
          const apart =
            at.x[a]! + at.wide[a]! <= at.x[b]! ||
            at.x[b]! + at.wide[b]! <= at.x[a]! ||
            at.y[a]! + at.tall[a]! <= at.y[b]! ||
            at.y[b]! + at.tall[b]! <= at.y[a]!;
          expect(a === b || apart).toBe(true);
        }
      }
    }
  });

  test("lines begin and end at what they join, and go on within open groups", () => {
    const { groups, placed: at } = placed([BLOCK, INNER], direction);
    const down = direction === "down";
    for (const { group, lines } of at.groups) {
      const { from, to } = groups.inside(group);
      lines.edge.forEach((edge, line) => {
        const points = lines.points.subarray(lines.starts[line], lines.starts[line + 1]);
        const [first, last] = [points.slice(0, 2), points.slice(-2)];
        const end = (item: number, leaves: boolean) => {
          const start = down ? at.y[item]! : at.x[item]!;
          return leaves ? start + (down ? at.tall : at.wide)[item]! : start;
        };
        const along = (point: Float32Array) => point[down ? 1 : 0]!;
        const [source, target] = [from[edge]!, to[edge]!];
        expect(along(first)).toBeCloseTo(
          source === ENTRY ? end(group, false) : end(source, true),
          3,
        );
        expect(along(last)).toBeCloseTo(target === EXIT ? end(group, true) : end(target, false), 3);
        expect(along(last)).toBeGreaterThan(along(first));
        expect(lines.begins[line]).toBeCloseTo(along(first), 3);
      });
    }
  });
});

test("opening a group lays out that one and those around it alone", () => {
  const wide = tree(
    [
      { parent: -1, nodes: [0] },
      ...Array.from({ length: 20 }, (_, i) => ({ parent: 0, nodes: [1 + 2 * i, 2 + 2 * i] })),
    ],
    Array.from({ length: 40 }, (_, i) => [i, i + 1] as const),
  );
  const groups = new Groups(wide);
  const nested = new Nested(groups, { ...OPTIONS, direction: "down" });
  const first = groups.root + 1;
  const all = new Set(Array.from({ length: 20 }, (_, i) => first + i));
  const open = nested.place(all);
  const before = nested.laidOut;
  all.delete(first + 3);
  const closed = nested.place(all);
  expect(nested.laidOut - before).toBe(1);
  // What stands before it has not moved.
  expect(closed.y[first + 2]).toBe(open.y[first + 2]);
  expect(closed.y[first + 4]).toBeLessThan(open.y[first + 4]!);
});

test("a loop leads back beside all else, and a line past many ranks has two ends", () => {
  const count = 30;
  const net = tree(
    [{ parent: -1, nodes: Array.from({ length: count }, (_, i) => i) }],
    [
      ...Array.from({ length: count - 1 }, (_, i) => [i, i + 1] as const),
      [3, 1] as const,
      [0, count - 1] as const,
    ],
  );
  const { placed: at } = placed([], "down", net);
  const [{ lines }] = at.groups as [Placed["groups"][number]];
  const count_of = (course: number) => [...lines.course].filter((one) => one === course).length;
  expect(count_of(LEAVES)).toBe(1);
  expect(count_of(ARRIVES)).toBe(1);
  const back = [...lines.course].indexOf(1);
  const points = lines.points.subarray(lines.starts[back], lines.starts[back + 1]);
  const right = Math.max(...Array.from({ length: count }, (_, i) => at.x[i]! + at.wide[i]!));
  expect(points[2]).toBeGreaterThan(right);
  expect(points[2]).toBeLessThan(at.width);
});

test("arrows go along the lines, into open groups and out of them", () => {
  const { groups, placed: at } = placed([BLOCK, INNER]);
  const way: number[] = [beginning(groups, at)!];
  for (let next: number | null = way[0]!; next !== null;) {
    next = walk(groups, at, next, "forward");
    if (next !== null) way.push(next);
  }
  expect(way[0]).toBe(0);
  expect(way.at(-1)).toBe(5);
  expect(way).toContain(4);
  expect(walk(groups, at, 5, "backward")).toBe(4);
  expect(walk(groups, at, 4, "backward")).toBe(3);
  expect(walk(groups, at, 2, "backward")).toBe(1);
  expect(walk(groups, at, 0, "backward")).toBeNull();
  // Closed, a group is one step.
  const closed = placed([]);
  expect(walk(closed.groups, closed.placed, 0, "forward")).toBe(BLOCK);
  expect(walk(closed.groups, closed.placed, BLOCK, "forward")).toBe(5);
});

describe("what is painted", () => {
  const look: ItemLook = {
    title: "conv",
    detail: "",
    badge: "",
    flag: "",
    carries: "1×6",
    fill: null,
    ink: null,
    edge: null,
    dashed: false,
    round: false,
    loops: false,
    gauge: 0,
    dim: false,
  };

  function picture(open: readonly number[], more: Partial<Picture> = {}): Picture {
    const { groups, placed: at } = placed(open);
    return {
      groups,
      placed: at,
      looks: Array.from({ length: 9 }, (_, i) => ({ ...look, title: `item ${i} <b>` })),
      style: {
        font: "sans-serif",
        text: "#000",
        muted: "#555",
        line: "#aaa",
        background: "#fff",
        surface: "#fff",
        mark: "#00f",
        group: "#eee",
        gauge: "#888",
        flag: "#c00",
      },
      strokes: null,
      chosen: -1,
      marked: new Map(),
      dashes: null,
      ...more,
    };
  }

  const svg = (shown: Picture, sight: object = { x: 0, y: 0, width: 2000, height: 2000 }) => {
    const pen = new SvgPen((text) => 6 * text.length);
    paint(pen, shown, sight as Parameters<typeof paint>[2], 1);
    return pen.document({ width: 100, height: 100 }, { background: "#fff", title: "A & B" });
  };

  test("is an SVG document with all texts as text", () => {
    const document_ = new DOMParser().parseFromString(
      svg(picture([BLOCK, INNER])),
      "image/svg+xml",
    );
    expect(document_.querySelector("parsererror")).toBeNull();
    const texts = [...document_.querySelectorAll("text")].map((one) => one.textContent);
    for (const item of [0, 1, 2, 3, 4, 5, BLOCK, INNER])
      expect(texts).toContain(`item ${item} <b>`);
    expect(document_.querySelector("title")!.textContent).toBe("A & B");
    expect(document_.querySelector("b")).toBeNull();
  });

  test("is only what is in sight", () => {
    const shown = picture([BLOCK, INNER]);
    const { x, y, wide, tall } = shown.placed;
    const box = { x: x[5]!, y: y[5]!, width: wide[5]!, height: tall[5]! };
    const document_ = svg(shown, box);
    expect(document_).toContain("item 5 ");
    for (const item of [0, 1, 2, 3]) expect(document_).not.toContain(`item ${item} `);
  });

  test("the innermost item is under the pointer", () => {
    const shown = picture([BLOCK, INNER]);
    const { x, y, wide, tall } = shown.placed;
    for (const item of [0, 1, 2, 3, 4, 5]) {
      expect(itemAt(shown, x[item]! + wide[item]! / 2, y[item]! + tall[item]! / 2)).toBe(item);
    }
    expect(itemAt(shown, x[INNER]! + 2, y[INNER]! + 2)).toBe(INNER);
    expect(itemAt(shown, -50, -50)).toBe(-1);
  });

  test("is little where all is smaller than a pixel", () => {
    const count = 5000;
    const net = tree(
      [{ parent: -1, nodes: Array.from({ length: count }, (_, i) => i) }],
      Array.from({ length: count - 1 }, (_, i) => [i, i + 1] as const),
    );
    const { groups, placed: at } = placed([], "down", net);
    let strokes = 0;
    const pen = new Proxy({} as Pen, {
      get: (_, name) => () => {
        strokes++;
        return name === "measureText" ? { width: 10 } : undefined;
      },
      set: () => true,
    });
    const looks = Array.from({ length: count + 1 }, () => look);
    const all = { x: 0, y: 0, width: at.width, height: at.height };
    paint(pen, { ...picture([]), groups, placed: at, looks }, all, 400 / at.height);
    expect(strokes).toBeGreaterThan(100);
    expect(strokes).toBeLessThan(2000);
  });
});

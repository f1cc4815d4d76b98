/**
 * A graph whose nodes lie in groups within groups, and what is to be laid out in each of these.
 *
 * A group is laid out alone: of an edge that leaves or enters it, it sees only that something comes
 * from without, or goes there. What is drawn in a group is therefore the same whichever of the groups
 * within it are open.
 */

/** Items are nodes by their indices, then groups; the first group is the root. */
export interface GraphTree {
  readonly nodes: number;
  /** The group that each item lies in, as an item; −1 of the root, and of what is not drawn. */
  readonly parent: ArrayLike<number>;
  /** Nodes. */
  readonly from: ArrayLike<number>;
  readonly to: ArrayLike<number>;
}

/** Stand for what lies outside of a group. */
export const ENTRY = -1;
export const EXIT = -2;

/** What is laid out in one group. */
export interface Inside {
  readonly items: Int32Array;
  /** Items, `ENTRY` or `EXIT`, each pair once. */
  readonly from: Int32Array;
  readonly to: Int32Array;
  /** An edge of the graph that each of these stands for, and how many do. */
  readonly edge: Int32Array;
  readonly count: Int32Array;
}

export class Groups {
  /** By group: what is in it. */
  readonly insides: readonly Inside[];
  readonly depth: Int32Array;
  readonly #tree: GraphTree;
  readonly #places: readonly Map<number, number>[];

  constructor(tree: GraphTree) {
    this.#tree = tree;
    const { nodes, parent, from, to } = tree;
    const count = parent.length;
    this.depth = new Int32Array(count);
    // A group stands behind the one that it lies in.
    for (let item = nodes + 1; item < count; item++) {
      this.depth[item] = this.depth[parent[item]!]! + 1;
    }
    for (let item = 0; item < nodes; item++) {
      if (parent[item]! >= 0) this.depth[item] = this.depth[parent[item]!]! + 1;
    }
    const items: number[][] = Array.from({ length: count - nodes }, () => []);
    const firsts = firstNodes(tree);
    for (let item = 0; item < count; item++) {
      if (parent[item]! >= nodes) items[parent[item]! - nodes]!.push(item);
    }
    for (const inside of items) inside.sort((a, b) => firsts[a]! - firsts[b]! || a - b);

    const made = items.map(() => ({
      from: [] as number[],
      to: [] as number[],
      edge: [] as number[],
      count: [] as number[],
    }));
    this.#places = items.map(() => new Map<number, number>());
    for (let e = 0; e < from.length; e++) {
      this.#along(from[e]!, to[e]!, (group, a, b) => {
        const places = this.#places[group]!;
        const inside = made[group]!;
        const key = this.#key(a, b);
        const known = places.get(key);
        if (known === undefined) {
          places.set(key, inside.from.length);
          inside.from.push(a);
          inside.to.push(b);
          inside.edge.push(e);
          inside.count.push(1);
        } else inside.count[known]!++;
      });
    }
    this.insides = made.map((inside, group) => ({
      items: Int32Array.from(items[group]!),
      from: Int32Array.from(inside.from),
      to: Int32Array.from(inside.to),
      edge: Int32Array.from(inside.edge),
      count: Int32Array.from(inside.count),
    }));
  }

  get root(): number {
    return this.#tree.nodes;
  }

  isGroup(item: number): boolean {
    return item >= this.#tree.nodes;
  }

  inside(group: number): Inside {
    return this.insides[group - this.#tree.nodes]!;
  }

  parent(item: number): number {
    return this.#tree.parent[item]!;
  }

  /** The groups that an item lies in, from the nearest to the root. */
  *above(item: number): Generator<number> {
    for (let at = this.parent(item); at >= 0; at = this.parent(at)) yield at;
  }

  contains(group: number, item: number): boolean {
    let at = item;
    while (at >= 0 && this.depth[at]! > this.depth[group]!) at = this.parent(at);
    return at === group;
  }

  /** What stands for an item: itself, or the outermost closed group around it. */
  shown(item: number, open: ReadonlySet<number>): number {
    let found = item;
    for (const group of this.above(item)) {
      if (group !== this.root && !open.has(group)) found = group;
    }
    return found;
  }

  /** By group, the edges in it that stand for edges from or to an item, or what lies in it. */
  touching(item: number): ReadonlyMap<number, ReadonlySet<number>> {
    const found = new Map<number, Set<number>>();
    const { from, to, nodes } = this.#tree;
    for (let e = 0; e < from.length; e++) {
      const [source, target] = [this.contains(item, from[e]!), this.contains(item, to[e]!)];
      if (source === target && this.isGroup(item)) continue;
      if (!source && !target) continue;
      this.#along(from[e]!, to[e]!, (group, a, b) => {
        if (this.isGroup(item) && this.contains(item, group + nodes)) return;
        const place = this.#places[group]!.get(this.#key(a, b))!;
        found.set(group + nodes, (found.get(group + nodes) ?? new Set()).add(place));
      });
    }
    return found;
  }

  /** Call for each group that an edge leaves, for the one where it goes across, for those it enters. */
  #along(
    source: number,
    target: number,
    take: (group: number, a: number, b: number) => void,
  ): void {
    const { parent, nodes } = this.#tree;
    let [a, b] = [source, target];
    if (parent[a]! < 0 || parent[b]! < 0 || a === b) return;
    const entered: number[] = [];
    while (parent[a] !== parent[b]) {
      if (this.depth[a]! >= this.depth[b]!) {
        take(parent[a]! - nodes, a, EXIT);
        a = parent[a]!;
      } else {
        entered.push(b);
        b = parent[b]!;
      }
    }
    if (a !== b) take(parent[a]! - nodes, a, b);
    for (const item of entered.reverse()) take(parent[item]! - nodes, ENTRY, item);
  }

  #key(a: number, b: number): number {
    return (a + 2) * (this.#tree.parent.length + 2) + b + 2;
  }
}

/** The first node in each item, in the order of the program. */
function firstNodes({ nodes, parent }: GraphTree): Float64Array {
  const firsts = new Float64Array(parent.length).fill(Infinity);
  for (let item = 0; item < nodes; item++) firsts[item] = item;
  for (let item = 0; item < nodes; item++) {
    for (let at = parent[item]!; at >= 0 && firsts[at]! > item; at = parent[at]!) firsts[at] = item;
  }
  return firsts;
}

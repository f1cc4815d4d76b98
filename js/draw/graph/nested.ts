/**
 * Places for all that is shown of a graph in groups: each group is laid out alone, from the inside
 * out. Opening a group lays out that one and those around it again, and no other.
 */

import { BACK, FORWARD, type Layered, layered } from "./layered.ts";
import { ENTRY, EXIT, type Groups } from "./tree.ts";

export type Direction = "down" | "right";

export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface NestedOptions {
  readonly direction: Direction;
  /** How large an item is that is closed, or cannot be opened. */
  readonly size: (item: number) => Size;
  /** How wide an open group is at least, and how tall the line with its name. */
  readonly head: (group: number) => Size;
}

/** The lines within a group, in the order in which they begin along the flow. */
export interface Lines {
  /** Places in `Groups.inside(group)`. */
  readonly edge: Int32Array;
  /** `FORWARD`, `BACK`, or one of the ends of what is too long to be drawn: `LEAVES`, `ARRIVES`. */
  readonly course: Uint8Array;
  /** Points from `starts[line]` on: x and y, one after the other. */
  readonly starts: Int32Array;
  readonly points: Float32Array;
  /** Where each begins along the flow. */
  readonly begins: Float32Array;
  /** How far the longest reaches along the flow: no line that begins so much earlier is in sight. */
  readonly reach: number;
}

export interface OpenGroup {
  readonly group: number;
  /** Items within, in the order in which they begin along the flow. */
  readonly items: Int32Array;
  readonly reach: number;
  readonly lines: Lines;
}

/** What is shown, in the units of the sizes. */
export interface Placed {
  readonly direction: Direction;
  readonly width: number;
  readonly height: number;
  /** The upper left corner and the size of each item; NaN of what is not shown. */
  readonly x: Float32Array;
  readonly y: Float32Array;
  readonly wide: Float32Array;
  readonly tall: Float32Array;
  /** Open groups, outer ones first: the root, then what is open in it. */
  readonly groups: readonly OpenGroup[];
  readonly open: ReadonlySet<number>;
}

export const LEAVES = 2;
export const ARRIVES = 3;

const PADDING = 12;
const GAPS = {
  down: { across: 18, along: 34 },
  right: { across: 16, along: 72 },
} as const;
/** From the border of a group to what is entered first: no shape stands there. */
const ENTRANCE = 14;
/** Between two lines that lead back, beside all else. */
const LANE = 14;
/** Of what is left of a line that is not drawn through. */
const STUB_LENGTH = 12;

/** A group laid out by itself, from its own upper left corner. */
interface Alone {
  readonly key: string;
  readonly size: Size;
  readonly flow: Layered;
  /** Of the items and the lines that lead back, across the flow. */
  readonly used: number;
  /** The places in `flow` of what stands for all that lies without. */
  readonly entry: number;
  readonly exit: number;
}

type Boxes = Pick<Placed, "x" | "y" | "wide" | "tall">;
type Point = readonly [across: number, along: number];

export class Nested {
  readonly #groups: Groups;
  readonly #options: NestedOptions;
  readonly #alone = new Map<number, Alone>();
  /** What has been looked up since `place` was called. */
  readonly #now = new Map<number, Alone>();
  /** How many groups have been laid out anew. */
  laidOut = 0;

  constructor(groups: Groups, options: NestedOptions) {
    this.#groups = groups;
    this.#options = options;
  }

  /** @param open the groups that are open; the root always is. */
  place(open: ReadonlySet<number>): Placed {
    this.#now.clear();
    const groups = this.#groups;
    const array = () => new Float32Array(groups.depth.length).fill(NaN);
    const boxes = { x: array(), y: array(), wide: array(), tall: array() };
    const { root } = groups;
    const { size } = this.#group(root, open);
    [boxes.x[root], boxes.y[root]] = [0, 0];
    [boxes.wide[root], boxes.tall[root]] = [size.width, size.height];
    const placed: OpenGroup[] = [];
    const waiting = [root];
    for (const group of waiting) {
      placed.push(this.#absolute(group, open, boxes));
      for (const item of groups.inside(group).items) {
        if (groups.isGroup(item) && open.has(item)) waiting.push(item);
      }
    }
    const { direction } = this.#options;
    return { direction, ...size, ...boxes, groups: placed, open: new Set([root, ...open]) };
  }

  get #down(): boolean {
    return this.#options.direction === "down";
  }

  #size(item: number, open: ReadonlySet<number>): Size {
    const isOpen = this.#groups.isGroup(item) && open.has(item);
    return isOpen ? this.#group(item, open).size : this.#options.size(item);
  }

  #head(group: number): Size {
    return group === this.#groups.root ? { width: 0, height: 0 } : this.#options.head(group);
  }

  /** Lay out a group, unless it has been laid out with all within as large as now. */
  #group(group: number, open: ReadonlySet<number>): Alone {
    const now = this.#now.get(group) ?? this.#laidOut(group, open);
    this.#now.set(group, now);
    return now;
  }

  #laidOut(group: number, open: ReadonlySet<number>): Alone {
    const { items, from, to } = this.#groups.inside(group);
    const across = new Float64Array(items.length + 2);
    const along = new Float64Array(items.length + 2);
    for (let i = 0; i < items.length; i++) {
      const { width, height } = this.#size(items[i]!, open);
      [across[i], along[i]] = this.#down ? [width, height] : [height, width];
    }
    const key = `${across.join()} ${along.join()}`;
    const known = this.#alone.get(group);
    if (known?.key === key) return known;
    this.laidOut++;
    const index = new Map<number, number>();
    items.forEach((item, i) => index.set(item, i));
    // The two ends are there only where something comes and goes.
    let count = items.length;
    const entry = from.includes(ENTRY) ? count++ : -1;
    const exit = to.includes(EXIT) ? count++ : -1;
    index.set(ENTRY, entry);
    index.set(EXIT, exit);
    const places = (of: Int32Array) => Int32Array.from(of, (item) => index.get(item)!);
    const flow = layered({
      across: across.subarray(0, count),
      along: along.subarray(0, count),
      from: places(from),
      to: places(to),
      gaps: GAPS[this.#options.direction],
      first: entry,
      last: exit,
    });
    const lanes = flow.courses.reduce((sum, course) => sum + Number(course === BACK), 0);
    const used = flow.width + (lanes > 0 ? LANE * (lanes + 1) : 0);
    const head = this.#head(group);
    const long = flow.height - this.#saved(entry);
    const [width, height] = this.#down ? [used, long] : [long, used];
    const size = {
      width: Math.max(head.width, width + 2 * PADDING),
      height: head.height + height + 2 * PADDING,
    };
    const alone = { key, size, flow, used, entry, exit };
    this.#alone.set(group, alone);
    return alone;
  }

  /** What the gap behind the entrance is shorter than others. */
  #saved(entry: number): number {
    return entry < 0 ? 0 : GAPS[this.#options.direction].along - ENTRANCE;
  }

  /** Where what is in a group begins; what is narrower than the group's name stands in its middle. */
  #origin(group: number, { used, entry }: Alone, { x, y, wide, tall }: Boxes): Point {
    const head = this.#head(group).height;
    const left = x[group]! + PADDING;
    const top = y[group]! + head + PADDING;
    const room = (this.#down ? wide[group]! : tall[group]! - head) - 2 * PADDING;
    const shift = Math.max(0, (room - used) / 2);
    const saved = this.#saved(entry);
    return this.#down ? [left + shift, top - saved] : [top + shift, left - saved];
  }

  /** Give a group that has its place what is in it: items, and the lines between them. */
  #absolute(group: number, open: ReadonlySet<number>, boxes: Boxes): OpenGroup {
    const { x, y, wide, tall } = boxes;
    const inside = this.#groups.inside(group);
    const { items } = inside;
    const alone = this.#group(group, open);
    const { flow } = alone;
    const [across, along] = this.#origin(group, alone, boxes);
    for (let i = 0; i < items.length; i++) {
      const item = items[i]!;
      const { width, height } = this.#size(item, open);
      const [a, l] = [across + flow.across[i]!, along + flow.along[i]!];
      [wide[item], tall[item]] = [width, height];
      [x[item], y[item]] = this.#down
        ? [a - width / 2, l - height / 2]
        : [l - width / 2, a - height / 2];
    }
    const start = this.#down ? y : x;
    const size = this.#down ? tall : wide;
    return {
      group,
      items: items.slice().sort((a, b) => start[a]! - start[b]!),
      reach: items.reduce((longest, item) => Math.max(longest, size[item]!), 0),
      lines: this.#lines(group, open, boxes),
    };
  }

  #lines(group: number, open: ReadonlySet<number>, boxes: Boxes): Lines {
    const inside = this.#groups.inside(group);
    const alone = this.#group(group, open);
    const { flow, entry, exit } = alone;
    const [across, along] = this.#origin(group, alone, boxes);
    const place = new Map<number, number>([
      [ENTRY, entry],
      [EXIT, exit],
    ]);
    inside.items.forEach((item, i) => place.set(item, i));
    const start = this.#down ? boxes.y : boxes.x;
    const size = this.#down ? boxes.tall : boxes.wide;
    const breadth = this.#down ? boxes.wide : boxes.tall;
    /** Where a line leaves or enters an item: at the border of a group, where its own lines go on. */
    const end = (item: number, leaves: boolean): Point => {
      const middle = across + flow.across[place.get(item)!]!;
      if (item === ENTRY) return [middle, start[group]!];
      if (item === EXIT) return [middle, start[group]! + size[group]!];
      const at = this.#port(item, open, leaves, boxes) ?? middle;
      return [at, start[item]! + (leaves ? size[item]! : 0)];
    };
    const made: { edge: number; course: number; points: readonly Point[] }[] = [];
    let lane = 0;
    for (let edge = 0; edge < inside.from.length; edge++) {
      const [source, target] = [inside.from[edge]!, inside.to[edge]!];
      const course = flow.courses[edge]!;
      if (course === BACK) {
        const side = across + flow.width + LANE * ++lane;
        const beside = (item: number): Point => {
          const i = place.get(item)!;
          return [across + flow.across[i]! + breadth[item]! / 2, along + flow.along[i]!];
        };
        const [out, back] = [beside(source), beside(target)];
        made.push({ edge, course, points: [out, [side, out[1]], [side, back[1]], back] });
        continue;
      }
      const [out, into] = [end(source, true), end(target, false)];
      if (course === FORWARD) {
        const points: Point[] = [out];
        const rank = flow.rank[place.get(source)!]! + 1;
        const first = flow.bendStarts[edge]!;
        for (let b = first; b < flow.bendStarts[edge + 1]!; b++) {
          const at = across + flow.bends[b]!;
          points.push([at, along + flow.begins[rank + b - first]!]);
          points.push([at, along + flow.ends[rank + b - first]!]);
        }
        made.push({ edge, course, points: [...points, into] });
        continue;
      }
      if (source !== ENTRY) {
        made.push({ edge, course: LEAVES, points: [out, [out[0], out[1] + STUB_LENGTH]] });
      }
      if (target !== EXIT) {
        made.push({ edge, course: ARRIVES, points: [[into[0], into[1] - STUB_LENGTH], into] });
      }
    }
    return this.#packed(made);
  }

  #packed(made: { edge: number; course: number; points: readonly Point[] }[]): Lines {
    const begin = new Map<object, number>();
    let reach = 0;
    for (const line of made) {
      let [first, last] = [Infinity, -Infinity];
      for (const [, along] of line.points) {
        first = Math.min(first, along);
        last = Math.max(last, along);
      }
      begin.set(line, first);
      reach = Math.max(reach, last - first);
    }
    made.sort((a, b) => begin.get(a)! - begin.get(b)!);
    const starts = new Int32Array(made.length + 1);
    made.forEach(({ points }, i) => (starts[i + 1] = starts[i]! + 2 * points.length));
    const points = new Float32Array(starts[made.length]!);
    made.forEach((line, i) => {
      line.points.forEach(([across, along], k) => {
        const at = starts[i]! + 2 * k;
        [points[at], points[at + 1]] = this.#down ? [across, along] : [along, across];
      });
    });
    return {
      edge: Int32Array.from(made, ({ edge }) => edge),
      course: Uint8Array.from(made, ({ course }) => course),
      starts,
      points,
      begins: Float32Array.from(made, (line) => begin.get(line)!),
      reach,
    };
  }

  /** Where an open group is entered or left, across the flow; null of any other item. */
  #port(item: number, open: ReadonlySet<number>, leaves: boolean, boxes: Boxes): number | null {
    if (!this.#groups.isGroup(item) || !open.has(item)) return null;
    const alone = this.#group(item, open);
    const port = leaves ? alone.exit : alone.entry;
    return port < 0 ? null : this.#origin(item, alone, boxes)[0] + alone.flow.across[port]!;
  }
}

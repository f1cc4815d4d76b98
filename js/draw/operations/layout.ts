/** Where the operations of a function stand, left to right, and which numbers are known at each step. */

export interface Operation {
  /** Places of the nodes whose numbers it takes; none for what the function is given. */
  readonly inputs: readonly { readonly from: number }[];
  /** Of its numbers, as a matrix. */
  readonly rows: number;
  readonly columns: number;
}

export interface NodeBox {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** Where its numbers begin, below its title. */
  readonly left: number;
  readonly top: number;
  /** Of one number; its gradient stands in the lower half. */
  readonly cellWidth: number;
  readonly cellHeight: number;
  /** Whether numbers are written; else they are colours, gradients below values. */
  readonly written: boolean;
}

export interface OperationLayout {
  readonly width: number;
  readonly height: number;
  readonly nodes: readonly NodeBox[];
}

/** Narrower boxes would cut names off. */
const NARROWEST = 56;
const TITLE = 20;
const PADDING = 6;
const ACROSS = 48;
const DOWN = 12;
const MARGIN = 8;
const CELL = { width: 42, height: 30 };
const LONE = { width: 62, height: 36 };
/** More numbers than these are shown as colours, in so much room. */
const MOST_WRITTEN = 24;
const MOST_COLUMNS = 5;
const PICTURE = { width: 110, height: 64, cell: 10 };
const SWEEPS = 6;
/** Between values and gradients that are colours. */
export const PARTS_APART = 2;

export function layOut(operations: readonly Operation[]): OperationLayout {
  const ranks = ranksOf(operations);
  const sizes = operations.map(sizeOf);
  const columns: number[][] = [];
  ranks.forEach((rank, place) => (columns[rank] ??= []).push(place));
  const users = operations.map((): number[] => []);
  operations.forEach(({ inputs }, place) => inputs.forEach(({ from }) => users[from]!.push(place)));
  const neighbours = operations.map(({ inputs }, place) => [
    ...inputs.map(({ from }) => from),
    ...users[place]!,
  ]);
  // Middles of the boxes, drawn by their neighbours and kept apart within a column.
  const middles = operations.map(() => 0);
  columns.forEach((column) => spread(column, sizes, middles));
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    for (const column of sweep % 2 === 0 ? columns : [...columns].reverse()) {
      const drawn = new Map(
        column.map((place) => [place, mean(neighbours[place]!, middles, place)]),
      );
      column.sort((a, b) => drawn.get(a)! - drawn.get(b)!);
      column.forEach((place) => (middles[place] = drawn.get(place)!));
      spread(column, sizes, middles);
    }
  }
  const tops = operations.map((_, place) => middles[place]! - sizes[place]!.height / 2);
  const least = Math.min(0, ...tops);
  let left = MARGIN;
  const lefts = columns.map((column) => {
    const start = left;
    left += Math.max(...column.map((place) => sizes[place]!.width)) + ACROSS;
    return start;
  });
  const widest = columns.map((column) => Math.max(...column.map((place) => sizes[place]!.width)));
  const nodes = sizes.map((size, place) => {
    const rank = ranks[place]!;
    const x = lefts[rank]! + (widest[rank]! - size.width) / 2;
    const y = tops[place]! - least + MARGIN;
    const inner = size.cellWidth * operations[place]!.columns;
    return { ...size, x, y, left: x + (size.width - inner) / 2, top: y + TITLE };
  });
  return {
    width: left - ACROSS + MARGIN,
    height: Math.max(...nodes.map(({ y, height }) => y + height)) + MARGIN,
    nodes,
  };
}

/** The number of a node under a place of the drawing; null where there is none. */
export function numberAt(
  { nodes }: OperationLayout,
  operations: readonly Operation[],
  x: number,
  y: number,
): { readonly node: number; readonly at: number } | null {
  const node = nodes.findIndex(
    (box) => x >= box.x && x < box.x + box.width && y >= box.y && y < box.y + box.height,
  );
  if (node < 0) return null;
  const box = nodes[node]!;
  const { rows, columns } = operations[node]!;
  const within = (value: number, count: number) => Math.max(0, Math.min(count - 1, value));
  const column = within(Math.floor((x - box.left) / box.cellWidth), columns);
  // Where they are colours, the gradients stand below all the values.
  const down = y - box.top;
  const below = !box.written && down >= rows * box.cellHeight;
  const from = below ? rows * box.cellHeight + PARTS_APART : 0;
  const row = within(Math.floor((down - from) / box.cellHeight), rows);
  return { node, at: row * columns + column };
}

/** What is known at a step of the two passes: forward each operation, then backward each. */
export interface Known {
  readonly values: readonly boolean[];
  /** Whether all that comes back to a node has come. */
  readonly gradients: readonly boolean[];
  /** Whether an operation has passed its gradient on to its inputs. */
  readonly passed: readonly boolean[];
  /** The operation of this step; null before the first. */
  readonly current: number | null;
  readonly backward: boolean;
}

/** As many steps as the two passes have: each operation twice, and the output's own gradient. */
export function stepsOf(operations: readonly Operation[]): number {
  return 2 * operations.filter(({ inputs }) => inputs.length > 0).length + 1;
}

export function knownAt(operations: readonly Operation[], output: number, step: number): Known {
  const order = operations.flatMap(({ inputs }, place) => (inputs.length > 0 ? [place] : []));
  const forward = new Set(order.slice(0, step));
  const back = step - order.length - 1;
  const passed = operations.map((_, place) => back > 0 && order.slice(-back).includes(place));
  const waiting = new Set(
    operations.flatMap(({ inputs }, place) =>
      passed[place] === true || place > output ? [] : inputs.map(({ from }) => from),
    ),
  );
  return {
    values: operations.map(({ inputs }, place) => inputs.length === 0 || forward.has(place)),
    gradients: operations.map((_, place) => back >= 0 && (place === output || !waiting.has(place))),
    passed,
    current: back < 0 ? (order[step - 1] ?? null) : back === 0 ? output : (order.at(-back) ?? null),
    backward: back >= 0,
  };
}

/** Each as far to the right as what it takes asks, and what is given right before its first use. */
function ranksOf(operations: readonly Operation[]): number[] {
  const ranks = operations.map(() => 0);
  operations.forEach(({ inputs }, place) => {
    if (inputs.length > 0) ranks[place] = 1 + Math.max(...inputs.map(({ from }) => ranks[from]!));
  });
  operations.forEach(({ inputs }, place) => {
    if (inputs.length > 0) return;
    const users = operations.flatMap((other, at) =>
      other.inputs.some(({ from }) => from === place) ? [ranks[at]!] : [],
    );
    ranks[place] = Math.max(0, Math.min(...users, Math.max(...ranks)) - 1);
  });
  const used = [...new Set(ranks)].sort((a, b) => a - b);
  return ranks.map((rank) => used.indexOf(rank));
}

function sizeOf({ rows, columns }: Operation) {
  const lone = rows * columns === 1;
  const written = lone || (rows * columns <= MOST_WRITTEN && columns <= MOST_COLUMNS);
  const side = Math.min(PICTURE.cell, PICTURE.width / columns, PICTURE.height / rows);
  const { width, height } = lone ? LONE : written ? CELL : { width: side, height: side };
  const high = rows * height * (written ? 1 : 2) + (written ? 0 : PARTS_APART);
  return {
    cellWidth: width,
    cellHeight: height,
    written,
    width: Math.max(NARROWEST, columns * width + 2 * PADDING),
    height: TITLE + high + PADDING,
  };
}

/** Move the boxes of a column, in their order, as little as keeps them apart. */
function spread(
  column: readonly number[],
  sizes: readonly { readonly height: number }[],
  middles: number[],
): void {
  const wanted = column.map((place) => middles[place]!);
  let bottom = -Infinity;
  for (const place of column) {
    const half = sizes[place]!.height / 2;
    middles[place] = Math.max(middles[place]!, bottom + half);
    bottom = middles[place] + half + DOWN;
  }
  const moved = column.reduce((sum, place, i) => sum + middles[place]! - wanted[i]!, 0);
  for (const place of column) middles[place] = middles[place]! - moved / column.length;
}

function mean(places: readonly number[], middles: readonly number[], own: number): number {
  if (places.length === 0) return middles[own]!;
  return places.reduce((sum, place) => sum + middles[place]!, 0) / places.length;
}

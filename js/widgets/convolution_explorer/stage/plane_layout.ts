/** Where input, kernel and output stand: beside each other, or the input above where it is narrow. */

import type { Plane } from "../../../draw/cells.ts";
import type { Layer } from "../arithmetic/layer.ts";

export interface PlaneLayout {
  readonly input: Plane;
  readonly weight: Plane;
  readonly output: Plane;
  readonly height: number;
}

export const CAPTION = 22;
const LARGEST = 46;
/** Up to this width the input may stand above the others. */
const NARROW = 365;
/** Between planes, with room for a sign. */
const GAPS = { wide: 44, narrow: 24 };
/** A caption needs so much however few cells there are. */
const CAPTION_WIDTHS = { wide: 96, narrow: 80 };
/** Beside the matrix there is less room. */
const TIGHT = 500;

function gap(width: number): number {
  return width > TIGHT ? GAPS.wide : GAPS.narrow;
}

function captionWidth(width: number): number {
  return width > TIGHT ? CAPTION_WIDTHS.wide : CAPTION_WIDTHS.narrow;
}

export function layOutPlanes(layer: Layer, width: number, height: number): PlaneLayout {
  const { x, y } = layer;
  const sizes = [
    [y.high - y.low + 1, x.high - x.low + 1],
    [y.kernel, x.kernel],
    [y.outputs, x.outputs],
  ] as const;
  const beside = fit(sizes, width, height, false);
  const above = width > NARROW ? beside : fit(sizes, width, height, true);
  return above.cell > beside.cell * 1.2
    ? stack(sizes, width, above.cell)
    : row(sizes, width, height, beside.cell);
}

type Sizes = readonly (readonly [rows: number, columns: number])[];

function fit(sizes: Sizes, width: number, height: number, above: boolean): { cell: number } {
  const [[inRows, inColumns], [rows, columns], [outRows, outColumns]] = sizes as [
    readonly [number, number],
    readonly [number, number],
    readonly [number, number],
  ];
  const down = above ? inRows + Math.max(rows, outRows) : Math.max(inRows, rows, outRows);
  const captions = above ? 2 * CAPTION + 16 : CAPTION;
  let cell = LARGEST;
  const wide = (size: number, count: number) => Math.max(size * count, captionWidth(width));
  const needed = (size: number) =>
    above
      ? Math.max(wide(size, inColumns), wide(size, columns) + gap(width) + wide(size, outColumns))
      : wide(size, inColumns) + wide(size, columns) + wide(size, outColumns) + 2 * gap(width);
  while (cell > 2 && (needed(cell) > width || cell * down + captions > height))
    cell -= cell > 12 ? 1 : 0.5;
  return { cell };
}

function row(sizes: Sizes, width: number, height: number, cell: number): PlaneLayout {
  const wide = sizes.map(([, columns]) => Math.max(cell * columns, captionWidth(width)));
  const total = wide.reduce((sum, part) => sum + part, 0) + 2 * gap(width);
  let left = Math.max(0, (width - total) / 2);
  const planes = sizes.map(([rows, columns], place): Plane => {
    const indent = (wide[place]! - cell * columns) / 2;
    const plane = {
      left: Math.round(left + indent),
      top: Math.round(CAPTION + (height - CAPTION - cell * rows) / 2),
      width: cell,
      height: cell,
      rows,
      columns,
    };
    left += wide[place]! + gap(width);
    return plane;
  });
  return { input: planes[0]!, weight: planes[1]!, output: planes[2]!, height };
}

function stack(sizes: Sizes, width: number, cell: number): PlaneLayout {
  const plane = (place: number, left: number, top: number): Plane => {
    const [rows, columns] = sizes[place]!;
    return {
      left: Math.round(left),
      top: Math.round(top),
      width: cell,
      height: cell,
      rows,
      columns,
    };
  };
  const [inRows, inColumns] = sizes[0]!;
  const wide = [sizes[1]!, sizes[2]!].map(([, columns]) =>
    Math.max(cell * columns, captionWidth(width)),
  );
  const below = 2 * CAPTION + 16 + inRows * cell;
  const start = Math.max(0, (width - wide[0]! - wide[1]! - gap(width)) / 2);
  return {
    input: plane(0, Math.max(0, (width - inColumns * cell) / 2), CAPTION),
    weight: plane(1, start + (wide[0]! - cell * sizes[1]![1]) / 2, below),
    output: plane(2, start + wide[0]! + gap(width) + (wide[1]! - cell * sizes[2]![1]) / 2, below),
    height: below + Math.max(sizes[1]![0], sizes[2]![0]) * cell + 4,
  };
}

/** Where the units of a layer stand in its row: geometry alone. */

import type { Layer } from "../network.ts";

/** Height of the room for tiles, the same in every row. */
export const AREA = 52;

export interface TileLayout {
  readonly tileWidth: number;
  readonly tileHeight: number;
  readonly gap: number;
  readonly perLine: number;
  readonly lines: number;
  /** How many units there is room for; a row with more is turned over like pages. */
  readonly capacity: number;
}

interface Size {
  readonly tall: number;
  readonly gap: number;
}

const SIZES: Readonly<Record<string, readonly Size[]>> = {
  vector: [24, 16, 12, 9].map((tall) => ({ tall, gap: tall > 10 ? 2 : 1 })),
  lines: [16, 9, 4].map((tall) => ({ tall, gap: tall > 4 ? 2 : 1 })),
  maps: [52, 25, 16, 12].map((tall) => ({ tall, gap: 2 })),
  filters: [52, 25].map((tall) => ({ tall, gap: 2 })),
};
const WIDEST = 3;

/** The largest tiles with which all units have room; the smallest where they have not. */
export function layoutTiles(layer: Layer, width: number, filters = false): TileLayout {
  const { shape } = layer;
  const units = shape[0] ?? 1;
  // The weights of a unit are an image, also where its answer is a single number.
  const layout = filters && layer.filters && layer.layout === "vector" ? "filters" : layer.layout;
  const sizes = SIZES[layout === "volumes" ? "maps" : (layout ?? "vector")]!;
  const layouts = sizes.map(({ tall, gap }) => {
    const wide = tileWidth(layout, shape, tall, width);
    const perLine = Math.max(1, Math.floor((width + gap) / (wide + gap)));
    const lines = Math.max(1, Math.floor((AREA + gap) / (tall + gap)));
    return {
      tileWidth: wide,
      tileHeight: tall,
      gap,
      perLine,
      lines,
      capacity: perLine * lines,
    };
  });
  return layouts.find(({ capacity }) => capacity >= units) ?? layouts.at(-1)!;
}

function tileWidth(
  layout: Layer["layout"] | "filters",
  shape: readonly number[],
  tall: number,
  width: number,
): number {
  if (layout === "lines") return Math.min(width, Math.max(40, Math.min(shape[1] ?? 1, width / 2)));
  if (layout === "vector" || layout === "filters" || layout === null) return tall;
  const [high, wide] = [shape.at(-2) ?? 1, shape.at(-1) ?? 1];
  const natural = Math.round((tall * wide) / high);
  return Math.max(4, Math.min(natural, tall * WIDEST, width));
}

/** Left upper corner of tile number `index` of a page. */
export function tilePlace(
  { tileWidth, tileHeight, gap, perLine }: TileLayout,
  index: number,
): readonly [x: number, y: number] {
  const line = Math.floor(index / perLine);
  return [(index % perLine) * (tileWidth + gap), line * (tileHeight + gap)];
}

/** The tile at a point, and where in it the point is, from 0 to 1; null between tiles. */
export function tileAt(
  layout: TileLayout,
  x: number,
  y: number,
): { readonly index: number; readonly across: number; readonly down: number } | null {
  const { tileWidth, tileHeight, gap, perLine, lines } = layout;
  const column = Math.floor(x / (tileWidth + gap));
  const line = Math.floor(y / (tileHeight + gap));
  if (column < 0 || column >= perLine || line < 0 || line >= lines) return null;
  const across = (x - column * (tileWidth + gap)) / tileWidth;
  const down = (y - line * (tileHeight + gap)) / tileHeight;
  if (across < 0 || across > 1 || down < 0 || down > 1) return null;
  return { index: line * perLine + column, across, down };
}

/** The position that cell `cell` of `shown` stands for, of `size`: as the kernel chooses them. */
export function truePlace(cell: number, shown: number, size: number): number {
  return Math.floor(((2 * cell + 1) * size) / (2 * shown));
}

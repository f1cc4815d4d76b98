/** How a kernel is laid over an image: margins, sizes, and what the padding holds. */

import { makePlanes, type Planes } from "../image/planes.ts";

export type Channels = "grey" | "each" | "sum";
export type PaddingMode = "zeros" | "reflect" | "replicate" | "circular";

/** As `dl_lab.filters.image_filter.ImageFilter`. */
export interface Filter {
  readonly channels: Channels;
  readonly padding: number | "same";
  readonly padding_mode: PaddingMode;
  readonly stride: number;
  readonly dilation: number;
  readonly bias: number;
}

/** Why there is no output: a sentence of the catalogues. */
export interface Misfit {
  readonly key: "kernel_too_wide" | "padding_reflect" | "padding_circular";
  readonly params: Readonly<Record<string, number>>;
}

export interface Geometry {
  /** Pixels added left and above; right and below. */
  readonly before: number;
  readonly after: number;
  /** Pixels that the kernel reaches over. */
  readonly reach: number;
  readonly rows: number;
  readonly columns: number;
}

export function margins({ padding, dilation }: Filter, size: number) {
  if (padding !== "same") return { before: padding, after: padding };
  const total = dilation * (size - 1);
  return { before: total >> 1, after: total - (total >> 1) };
}

export function layOver(filter: Filter, size: number, image: Planes): Geometry | Misfit {
  const { height, width } = image;
  const { before, after } = margins(filter, size);
  const mode = filter.padding_mode;
  const given = Math.max(before, after);
  const limit = Math.min(height, width) - (mode === "reflect" ? 1 : 0);
  if ((mode === "reflect" || mode === "circular") && given > limit) {
    return { key: `padding_${mode}`, params: { given, height, width } };
  }
  const reach = filter.dilation * (size - 1) + 1;
  const [tall, wide] = [height + before + after, width + before + after];
  if (reach > Math.min(tall, wide)) {
    return { key: "kernel_too_wide", params: { reach, height: tall, width: wide } };
  }
  return {
    ...{ before, after, reach },
    rows: Math.floor((tall - reach) / filter.stride) + 1,
    columns: Math.floor((wide - reach) / filter.stride) + 1,
  };
}

export function isMisfit(found: Geometry | Misfit): found is Misfit {
  return "key" in found;
}

/** Where in the image a place of the padded image has its value from; −1 for a zero. */
export function origin(place: number, length: number, mode: PaddingMode): number {
  if (place >= 0 && place < length) return place;
  switch (mode) {
    case "zeros":
      return -1;
    case "reflect":
      return place < 0 ? -place : 2 * (length - 1) - place;
    case "replicate":
      return place < 0 ? 0 : length - 1;
    case "circular":
      return place < 0 ? place + length : place - length;
  }
}

export function pad(image: Planes, mode: PaddingMode, { before, after }: Geometry): Planes {
  if (before === 0 && after === 0) return image;
  const { channels, height, width, values } = image;
  const padded = makePlanes(channels, height + before + after, width + before + after);
  const columns = Int32Array.from({ length: padded.width }, (_, x) =>
    origin(x - before, width, mode),
  );
  let target = 0;
  for (let plane = 0; plane < channels; plane++) {
    for (let y = 0; y < padded.height; y++) {
      const row = origin(y - before, height, mode);
      const start = (plane * height + row) * width;
      for (let x = 0; x < padded.width; x++, target++) {
        const column = columns[x]!;
        if (row >= 0 && column >= 0) padded.values[target] = values[start + column]!;
      }
    }
  }
  return padded;
}

/** An image file, made small enough to see its pixels, as bytes of red, green and blue. */

import { context2d } from "../../../draw/heatmap.ts";
import type { NamedArray } from "../../../shared/kernel/protocol.ts";
import { makePlanes, type Planes } from "./planes.ts";

/** Pixels of the longer side at most. */
export const LONGEST = 256;

export interface Bytes {
  readonly height: number;
  readonly width: number;
  /** Red, green, blue, opaque: as a canvas has them. */
  readonly data: Uint8ClampedArray;
}

/** Reads pixels of what a canvas can draw, no larger than `longest`. */
export class PixelReader {
  readonly #canvas = document.createElement("canvas");

  read(source: CanvasImageSource, width: number, height: number, longest = LONGEST): Bytes {
    const scale = Math.min(1, longest / Math.max(width, height));
    const [wide, high] = [width, height].map((n) => Math.max(1, Math.round(n * scale))) as [
      number,
      number,
    ];
    const canvas = this.#canvas;
    if (canvas.width !== wide || canvas.height !== high) {
      canvas.width = wide;
      canvas.height = high;
    }
    const context = context2d(canvas);
    context.imageSmoothingQuality = "high";
    // What is transparent is paper.
    context.fillStyle = "#fff";
    context.fillRect(0, 0, wide, high);
    context.drawImage(source, 0, 0, wide, high);
    return { width: wide, height: high, data: context.getImageData(0, 0, wide, high).data };
  }
}

export async function readFile(file: Blob): Promise<Bytes> {
  const bitmap = await createImageBitmap(file);
  try {
    return new PixelReader().read(bitmap, bitmap.width, bitmap.height);
  } finally {
    bitmap.close();
  }
}

/** Plane after plane, as torch wants it. */
export function channelsFirst({ height, width, data }: Bytes): NamedArray {
  const size = height * width;
  const values = new Uint8Array(3 * size);
  for (let i = 0; i < size; i++) {
    for (let plane = 0; plane < 3; plane++) values[plane * size + i] = data[4 * i + plane]!;
  }
  return { shape: [3, height, width], values };
}

/** The same as numbers from 0 to 1, as Python makes them of bytes. */
export function toPlanes(bytes: Bytes): Planes {
  const { values } = channelsFirst(bytes);
  const planes = makePlanes(3, bytes.height, bytes.width);
  for (let i = 0; i < values.length; i++) planes.values[i] = values[i]! / 255;
  return planes;
}

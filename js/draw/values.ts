/** Signed values as pixels of a canvas: what `color.ts` says, at the speed of a table. */

import { signedRgb } from "./color.ts";
import { context2d } from "./heatmap.ts";

const STEPS = 255;
const TABLE = table();

/** RGBA of each step from −1 to 1, packed as a little-endian canvas wants it. */
function table(): Uint32Array {
  const packed = new Uint32Array(STEPS + 1);
  for (let i = 0; i <= STEPS; i++) {
    const [red, green, blue] = signedRgb((2 * i) / STEPS - 1);
    packed[i] = ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
  }
  return packed;
}

/** The colour of a value where `largest` gets the full colour; nothing where there is no value. */
export function packedColor(value: number, largest: number): number {
  if (Number.isNaN(value)) return 0;
  const share = largest > 0 ? value / largest : 0;
  const held = share < -1 ? -1 : share > 1 ? 1 : share;
  return TABLE[Math.round(((held + 1) / 2) * STEPS)]!;
}

/** The largest absolute value that is one. */
export function largestOf(values: Float32Array, start = 0, end = values.length): number {
  let largest = 0;
  for (let i = start; i < end; i++) {
    const size = Math.abs(values[i]!);
    if (size > largest && size < Infinity) largest = size;
  }
  return largest;
}

/** Paints images of values onto other canvases, each cell as a rectangle; one buffer for all. */
export class ValuePainter {
  readonly #canvas = document.createElement("canvas");
  #image: ImageData | null = null;

  /**
   * @param start where the image begins in `values`.
   * @param largest the size of the value that gets the full colour.
   */
  paint(
    target: CanvasRenderingContext2D,
    values: Float32Array,
    start: number,
    [height, width]: readonly [height: number, width: number],
    largest: number,
    [x, y, wide, tall]: readonly [x: number, y: number, wide: number, tall: number],
    color: (value: number, largest: number) => number = packedColor,
  ): void {
    const own = context2d(this.#canvas);
    if (this.#image === null || this.#image.width !== width || this.#image.height !== height) {
      this.#canvas.width = width;
      this.#canvas.height = height;
      this.#image = own.createImageData(width, height);
    }
    const pixels = new Uint32Array(this.#image.data.buffer);
    for (let i = 0; i < height * width; i++) pixels[i] = color(values[start + i]!, largest);
    own.putImageData(this.#image, 0, 0);
    target.imageSmoothingEnabled = wide < width;
    target.drawImage(this.#canvas, x, y, wide, tall);
  }
}

/** Give a canvas the resolution of the screen; its context counts in CSS pixels. */
export function sharpen(
  canvas: HTMLCanvasElement,
  width: number,
  height: number,
): CanvasRenderingContext2D {
  const ratio = Math.min(3, devicePixelRatio || 1);
  const [wide, tall] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== wide) canvas.width = wide;
  if (canvas.height !== tall) canvas.height = tall;
  const context = context2d(canvas);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

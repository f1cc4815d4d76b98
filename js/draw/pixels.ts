/** Planes of numbers as a picture of pixels: grey, in colours, or signed. */

import { context2d } from "./heatmap.ts";
import { signedRgb } from "./color.ts";

export interface Picture {
  readonly height: number;
  readonly width: number;
  /** One plane in grey or signed, or three as red, green and blue. */
  readonly planes: readonly Float32Array[];
  /** What black and white, or the ends of the signed colours, stand for. */
  readonly low: number;
  readonly high: number;
  readonly signed: boolean;
}

/** Which part of a picture is seen: pixel (x, y) of it is at `scale * (x − left)`. */
export interface Sight {
  readonly left: number;
  readonly top: number;
  readonly scale: number;
}

/** A square sight of a picture, `zoom` times closer than all of it, near a place in it. */
export function sightOf(
  { height, width }: { readonly height: number; readonly width: number },
  side: number,
  zoom: number,
  y: number,
  x: number,
): Sight {
  const span = Math.max(height, width) / zoom;
  const start = (length: number, middle: number) =>
    length <= span ? (length - span) / 2 : Math.max(0, Math.min(length - span, middle - span / 2));
  return { left: start(width, x), top: start(height, y), scale: side / span };
}

const SIGNED = Uint8ClampedArray.from(
  { length: 3 * 511 },
  (_, i) => signedRgb(Math.floor(i / 3) / 255 - 1)[i % 3]!,
);

/** The pixels of a picture, kept until it changes. */
export class PixelImage {
  readonly #canvas = document.createElement("canvas");
  #image: ImageData | null = null;
  #shown: Picture | null = null;

  /** Draw the part that is seen onto a square of `side` pixels. */
  draw(target: CanvasRenderingContext2D, picture: Picture, sight: Sight): void {
    if (picture !== this.#shown) this.#render(picture);
    target.imageSmoothingEnabled = sight.scale * (globalThis.devicePixelRatio || 1) < 1;
    target.drawImage(
      this.#canvas,
      -sight.left * sight.scale,
      -sight.top * sight.scale,
      picture.width * sight.scale,
      picture.height * sight.scale,
    );
  }

  #render(picture: Picture): void {
    const { height, width } = picture;
    const context = context2d(this.#canvas);
    if (this.#image === null || this.#image.width !== width || this.#image.height !== height) {
      this.#canvas.width = width;
      this.#canvas.height = height;
      this.#image = context.createImageData(width, height);
      this.#image.data.fill(255);
    }
    colorPixels(picture, this.#image.data);
    context.putImageData(this.#image, 0, 0);
    this.#shown = picture;
  }
}

/** Colour pixels that are opaque already. */
export function colorPixels(picture: Picture, data: Uint8ClampedArray): void {
  const { planes, low, high, signed } = picture;
  const [red, green = red, blue = red] = planes as [Float32Array, Float32Array?, Float32Array?];
  if (signed) {
    const scale = 255 / (Math.max(Math.abs(low), Math.abs(high)) || 1);
    for (let i = 0, j = 0; i < red.length; i++, j += 4) {
      const place = 3 * Math.round(255 + Math.max(-255, Math.min(255, red[i]! * scale)));
      data[j] = SIGNED[place]!;
      data[j + 1] = SIGNED[place + 1]!;
      data[j + 2] = SIGNED[place + 2]!;
    }
    return;
  }
  const scale = 255 / (high - low || 1);
  // A clamped array holds what is beyond to black and white.
  for (let i = 0, j = 0; i < red.length; i++, j += 4) {
    data[j] = (red[i]! - low) * scale;
    data[j + 1] = (green[i]! - low) * scale;
    data[j + 2] = (blue[i]! - low) * scale;
  }
}

/** The colour of one value of a picture's first plane, and whether text on it must be white. */
export function valueColor(
  { low, high, signed }: Picture,
  value: number,
): { readonly color: string; readonly dark: boolean } {
  const rgb = signed
    ? signedRgb(value / (Math.max(Math.abs(low), Math.abs(high)) || 1))
    : (new Array<number>(3).fill(
        Math.round(255 * Math.max(0, Math.min(1, (value - low) / (high - low || 1)))),
      ) as [number, number, number]);
  const [red, green, blue] = rgb;
  return {
    color: `rgb(${rgb.join(",")})`,
    dark: isDark(red, green, blue),
  };
}

/** Whether white stands out better than black, by the contrast that WCAG defines. */
export function isDark(red: number, green: number, blue: number): boolean {
  const linear = (channel: number) => (channel / 255) ** 2.2;
  const light = 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
  return light < 0.179;
}

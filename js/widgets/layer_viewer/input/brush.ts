/** Drawing on an image of few pixels with a soft round brush. */

/** Radius of the brush as a share of the image's height: the strokes of the digits' data. */
const RADIUS = 0.052;
const SOFT = 0.9;

export class Drawing {
  readonly pixels: Uint8Array;
  #last: readonly [x: number, y: number] | null = null;

  constructor(
    readonly height: number,
    readonly width: number,
  ) {
    this.pixels = new Uint8Array(height * width);
  }

  /** Begin a stroke at a point of the image, in pixels. */
  begin(x: number, y: number, erase = false): void {
    this.#last = [x, y];
    this.#stroke(x, y, x, y, erase);
  }

  /** Go on with the stroke. */
  move(x: number, y: number, erase = false): void {
    const [x0, y0] = this.#last ?? [x, y];
    this.#last = [x, y];
    this.#stroke(x0, y0, x, y, erase);
  }

  end(): void {
    this.#last = null;
  }

  clear(): void {
    this.pixels.fill(0);
  }

  #stroke(x0: number, y0: number, x1: number, y1: number, erase: boolean): void {
    const ink = Math.max(0.6, RADIUS * this.height);
    const radius = erase ? 2 * ink + 1 : ink;
    const reach = radius + SOFT;
    const [top, bottom] = [
      Math.floor(Math.min(y0, y1) - reach),
      Math.ceil(Math.max(y0, y1) + reach),
    ];
    const [left, right] = [
      Math.floor(Math.min(x0, x1) - reach),
      Math.ceil(Math.max(x0, x1) + reach),
    ];
    for (let row = Math.max(0, top); row < Math.min(this.height, bottom + 1); row++) {
      for (let column = Math.max(0, left); column < Math.min(this.width, right + 1); column++) {
        const distance = distanceTo(column + 0.5, row + 0.5, x0, y0, x1, y1);
        const share = Math.max(0, Math.min(1, (radius + SOFT - distance) / (2 * SOFT)));
        const index = row * this.width + column;
        const now = this.pixels[index]!;
        this.pixels[index] = erase
          ? Math.min(now, Math.round(255 * (1 - share)))
          : Math.max(now, Math.round(255 * share));
      }
    }
  }
}

function distanceTo(x: number, y: number, x0: number, y0: number, x1: number, y1: number): number {
  const [dx, dy] = [x1 - x0, y1 - y0];
  const length = dx * dx + dy * dy;
  const t = length === 0 ? 0 : Math.max(0, Math.min(1, ((x - x0) * dx + (y - y0) * dy) / length));
  return Math.hypot(x - x0 - t * dx, y - y0 - t * dy);
}

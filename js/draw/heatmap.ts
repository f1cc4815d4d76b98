/** A square grid of bytes as a picture on a canvas. Buffers are kept, so that nothing flickers. */

/** Every `step`th row and column of a `side`×`side` grid, looked up in a table of colours. */
export function colorGrid(
  values: Uint8Array,
  offset: number,
  side: number,
  step: number,
  table: Uint32Array,
  pixels: Uint32Array,
): void {
  const first = step >> 1;
  let target = 0;
  for (let row = first; row < side; row += step) {
    const start = offset + row * side;
    for (let column = first; column < side; column += step) {
      pixels[target++] = table[values[start + column]!]!;
    }
  }
}

/** A picture with one pixel for each `step` cells, scaled by CSS: the small map in a node. */
export class SmallHeatmap {
  readonly #context: CanvasRenderingContext2D;
  readonly #image: ImageData;
  readonly #pixels: Uint32Array;

  constructor(
    canvas: HTMLCanvasElement,
    readonly side: number,
    readonly step: number,
  ) {
    const size = Math.ceil((side - (step >> 1)) / step);
    canvas.width = size;
    canvas.height = size;
    this.#context = context2d(canvas);
    this.#image = this.#context.createImageData(size, size);
    this.#pixels = new Uint32Array(this.#image.data.buffer);
  }

  /** Draw grid number `index` of `values`. */
  draw(values: Uint8Array, index: number, table: Uint32Array): void {
    const { side, step } = this;
    colorGrid(values, index * side * side, side, step, table, this.#pixels);
    this.#context.putImageData(this.#image, 0, 0);
  }
}

/** A picture at the resolution of the screen: each value fills its cell. */
export class LargeHeatmap {
  readonly #canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D;
  readonly #cells: HTMLCanvasElement;
  readonly #cellContext: CanvasRenderingContext2D;
  readonly #image: ImageData;
  readonly #pixels: Uint32Array;

  constructor(
    canvas: HTMLCanvasElement,
    readonly side: number,
  ) {
    this.#canvas = canvas;
    this.#context = context2d(canvas);
    this.#cells = document.createElement("canvas");
    this.#cells.width = side;
    this.#cells.height = side;
    this.#cellContext = context2d(this.#cells);
    this.#image = this.#cellContext.createImageData(side, side);
    this.#pixels = new Uint32Array(this.#image.data.buffer);
  }

  /** Resize to device pixels; the picture is lost until the next `draw`. */
  resize(pixels: number): void {
    if (this.#canvas.width === pixels) return;
    this.#canvas.width = pixels;
    this.#canvas.height = pixels;
  }

  draw(values: Uint8Array, index: number, table: Uint32Array, smooth: boolean): void {
    const { side } = this;
    colorGrid(values, index * side * side, side, 1, table, this.#pixels);
    this.#cellContext.putImageData(this.#image, 0, 0);
    this.#context.imageSmoothingEnabled = smooth;
    this.#context.drawImage(this.#cells, 0, 0, this.#canvas.width, this.#canvas.height);
  }
}

export function context2d(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  const context = canvas.getContext("2d");
  if (context === null) throw new Error("This browser has no 2-D canvas to draw on.");
  return context;
}

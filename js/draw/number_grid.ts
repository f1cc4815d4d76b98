/** A square of numbers, each on its colour. Drawn, not laid out: it follows the pointer. */

import { context2d } from "./heatmap.ts";
import { beginDrawing } from "./screen_canvas.ts";

export interface NumberCell {
  readonly text: string;
  readonly color: string;
  /** Whether white is read better on it than black. */
  readonly dark: boolean;
  /** Told from the others by a dashed line. */
  readonly dashed: boolean;
}

const RADIUS = 3;

/** Height of the digits, by the size of a cell and how many there are in a row. */
export function digitHeight(cell: number, size: number): number {
  if (size > 7) return 0.52 * cell;
  return Math.max(8, Math.min(16, (size > 5 ? 0.42 : 0.26) * cell));
}

/** Draws squares of numbers on one canvas, each time only the cells that have changed. */
export class NumberGrid {
  readonly #canvas: HTMLCanvasElement;
  #size = 0;
  #resolution = "";
  #drawn: readonly NumberCell[] = [];

  constructor(canvas: HTMLCanvasElement) {
    this.#canvas = canvas;
  }

  /** Draw rows of `size` cells into a square of `side` CSS pixels. */
  draw(side: number, size: number, cells: readonly NumberCell[]): void {
    const ratio = globalThis.devicePixelRatio || 1;
    const resolution = `${side} ${ratio}`;
    const before = this.#drawn;
    const anew =
      resolution !== this.#resolution || size !== this.#size || cells.length !== before.length;
    this.#resolution = resolution;
    this.#size = size;
    this.#drawn = cells;
    const changed = [...cells.keys()].filter((i) => anew || !same(cells[i]!, before[i]!));
    if (!anew && changed.length === 0) return;
    const pen = anew ? beginDrawing(this.#canvas, side, side) : context2d(this.#canvas);
    const gap = size > 7 ? 1 : 2;
    const pitch = (side + gap) / size;
    // On whole pixels of the screen, a cell that is drawn again leaves no trace at its edges.
    const edge = (place: number) => Math.round(place * pitch * ratio) / ratio;
    pen.font = `${digitHeight(pitch - gap, size)}px system-ui, sans-serif`;
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.setLineDash([2, 2]);
    for (const i of changed) {
      const [row, column] = [Math.floor(i / size), i % size];
      const [x, y] = [edge(column), edge(row)];
      drawCell(pen, cells[i]!, size, [x, y, edge(column + 1) - gap - x, edge(row + 1) - gap - y]);
    }
  }
}

function same(a: NumberCell, b: NumberCell): boolean {
  return a.text === b.text && a.color === b.color && a.dashed === b.dashed;
}

function drawCell(
  pen: CanvasRenderingContext2D,
  { text, color, dark, dashed }: NumberCell,
  size: number,
  [x, y, width, height]: readonly [x: number, y: number, width: number, height: number],
): void {
  pen.clearRect(x, y, width, height);
  pen.fillStyle = color;
  if (size > 7) pen.fillRect(x, y, width, height);
  else {
    pen.beginPath();
    pen.roundRect(x, y, width, height, RADIUS);
    pen.fill();
  }
  pen.fillStyle = dark ? "#fff" : "#000";
  pen.fillText(text, x + width / 2, y + height / 2 + 1, width);
  if (!dashed) return;
  pen.strokeStyle = dark ? "#bbb" : "#555";
  pen.strokeRect(x + 1.5, y + 1.5, width - 3, height - 3);
}

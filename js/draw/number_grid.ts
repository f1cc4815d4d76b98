/** A square of numbers, each on its colour. Drawn, not laid out: it follows the pointer. */

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

export function drawNumbers(
  canvas: HTMLCanvasElement,
  side: number,
  size: number,
  cells: readonly NumberCell[],
): void {
  const gap = size > 7 ? 1 : 2;
  const cell = (side - (size - 1) * gap) / size;
  const pen = beginDrawing(canvas, side, side);
  pen.font = `${digitHeight(cell, size)}px system-ui, sans-serif`;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.setLineDash([2, 2]);
  cells.forEach(({ text, color, dark, dashed }, i) => {
    const x = (i % size) * (cell + gap);
    const y = Math.floor(i / size) * (cell + gap);
    pen.fillStyle = color;
    if (size > 7) pen.fillRect(x, y, cell, cell);
    else {
      pen.beginPath();
      pen.roundRect(x, y, cell, cell, RADIUS);
      pen.fill();
    }
    pen.fillStyle = dark ? "#fff" : "#000";
    pen.fillText(text, x + cell / 2, y + cell / 2 + 1, cell);
    if (!dashed) return;
    pen.strokeStyle = dark ? "#bbb" : "#555";
    pen.strokeRect(x + 1.5, y + 1.5, cell - 3, cell - 3);
  });
}

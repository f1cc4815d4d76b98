/** A plane of square cells on a canvas, as convolution arithmetic is drawn: numbers, edges, hatching. */

export interface CellLook {
  readonly fill: string | null;
  /** A thick edge of this colour. */
  readonly edge?: string;
  readonly dashed?: boolean;
  /** Crossed out by lines: nothing comes to it. */
  readonly hatched?: boolean;
  readonly text?: string;
  readonly textColor?: string;
  /** Small, in the lower right corner: the weight that meets this cell. */
  readonly corner?: string;
  readonly cornerColor?: string;
}

export interface Plane {
  readonly left: number;
  readonly top: number;
  /** Width and height of a cell. */
  readonly width: number;
  readonly height: number;
  readonly rows: number;
  readonly columns: number;
}

/** Below this many pixels a number cannot be read. */
export const READABLE = 15;
/** Nor can text of fewer. */
const SMALLEST = 7;
/** Below this many, an edge is all that can be seen of a cell. */
const TINY = 2;

export function drawCells(
  context: CanvasRenderingContext2D,
  plane: Plane,
  line: string,
  look: (row: number, column: number) => CellLook,
): void {
  const { left, top, width, height, rows, columns } = plane;
  const edges: (() => void)[] = [];
  const looks = Array.from({ length: rows * columns }, (_, cell) =>
    look(Math.floor(cell / columns), cell % columns),
  );
  if (Math.min(width, height) < TINY && !looks.some(isMarked)) {
    for (let row = 0; row < rows; row++) fillRuns(context, plane, looks, row);
    return;
  }
  const pixels = textSize(context, plane, looks);
  // Thin lines between small cells would hide the cells.
  const gap = Math.min(width, height) >= 6 ? 1 : 0;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const cell = looks[row * columns + column]!;
      const x = left + column * width;
      const y = top + row * height;
      if (cell.fill !== null) {
        context.fillStyle = cell.fill;
        context.fillRect(x, y, width, height);
      }
      if (cell.hatched === true) hatch(context, x, y, width, height, line);
      if (gap > 0 || cell.dashed === true) {
        context.lineWidth = 1;
        context.strokeStyle = line;
        context.setLineDash(cell.dashed === true ? [2, 2] : []);
        context.strokeRect(x + 0.5, y + 0.5, width - gap, height - gap);
      }
      if (cell.edge !== undefined)
        edges.push(() => frame(context, x, y, width, height, cell.edge!));
      writeCell(context, cell, x, y, plane, pixels);
    }
  }
  context.setLineDash([]);
  for (const draw of edges) draw();
}

/** Whether a cell has lines on it that show even where it is tiny. */
function isMarked({ dashed, hatched }: CellLook): boolean {
  return dashed === true || hatched === true;
}

/** Fill cells that are not wider than their edges: neighbours of one colour at once. */
function fillRuns(
  context: CanvasRenderingContext2D,
  { left, top, width, height, columns }: Plane,
  looks: readonly CellLook[],
  row: number,
): void {
  for (const part of ["fill", "edge"] as const) {
    const colorAt = (column: number) => looks[row * columns + column]![part] ?? null;
    for (let column = 0; column < columns;) {
      const color = colorAt(column);
      const start = column;
      do column++;
      while (column < columns && colorAt(column) === color);
      if (color === null) continue;
      context.fillStyle = color;
      const wide = (column - start) * width;
      // A single cell that is pointed at must not vanish between two pixels.
      const shown = part === "edge" ? Math.max(1, wide) : wide;
      context.fillRect(left + start * width, top + row * height, shown, height);
    }
  }
}

function frame(
  context: CanvasRenderingContext2D,
  x: number,
  y: number,
  width: number,
  height: number,
  color: string,
): void {
  const thick = Math.min(width, height) >= 12 ? 2 : 1;
  context.setLineDash([]);
  context.lineWidth = thick;
  context.strokeStyle = color;
  context.strokeRect(x + thick / 2, y + thick / 2, width - thick, height - thick);
}

/** All numbers of a plane are as large as its longest can be. */
function textSize(
  context: CanvasRenderingContext2D,
  { width, height }: Plane,
  looks: readonly CellLook[],
): number {
  const longest = looks.reduce(
    (found, { text = "" }) => (text.length > found.length ? text : found),
    "",
  );
  const pixels = Math.min(17, Math.max(9, Math.min(width * 0.42, height * 0.6)));
  context.font = font(pixels);
  return pixels * Math.min(1, (width - 3) / (context.measureText(longest).width || 1));
}

function writeCell(
  context: CanvasRenderingContext2D,
  { text, textColor, corner, cornerColor }: CellLook,
  x: number,
  y: number,
  { width, height }: Plane,
  pixels: number,
): void {
  const size = Math.min(width, height);
  if (size < READABLE) return;
  const both = corner !== undefined && size >= 26;
  // A number that has no room is not drawn: one can point at its cell.
  if (text !== undefined && textColor !== undefined && pixels >= SMALLEST) {
    context.fillStyle = textColor;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.font = font(pixels);
    context.fillText(text, x + width / 2, y + height / 2 - (both ? size * 0.1 : 0) + 0.5);
  }
  if (both && cornerColor !== undefined) {
    context.fillStyle = cornerColor;
    context.textAlign = "right";
    context.textBaseline = "alphabetic";
    context.font = font(Math.min(11, Math.max(8.5, size * 0.27)), 600);
    context.fillText(corner, x + width - 3, y + height - 3);
  }
}

function font(pixels: number, weight = 400): string {
  return `${weight} ${pixels}px system-ui, sans-serif`;
}

function hatch(
  context: CanvasRenderingContext2D,
  x: number,
  y: number,
  width: number,
  height: number,
  color: string,
): void {
  context.save();
  context.beginPath();
  context.rect(x, y, width, height);
  context.clip();
  context.strokeStyle = color;
  context.lineWidth = 1;
  context.setLineDash([]);
  context.beginPath();
  for (let shift = -height; shift < width; shift += 5) {
    context.moveTo(x + shift, y + height);
    context.lineTo(x + shift + height, y);
  }
  context.stroke();
  context.restore();
}

/** Light between the window on the input and what comes out of it, as in the guide's animations. */
export function drawBeam(
  context: CanvasRenderingContext2D,
  from: Rectangle,
  to: Rectangle,
  color: string,
): void {
  const corners = [...rectangleCorners(from), ...rectangleCorners(to)];
  const hull = convexHull(corners);
  context.save();
  context.fillStyle = color;
  context.globalAlpha = 0.14;
  context.beginPath();
  hull.forEach(([x, y], index) => (index === 0 ? context.moveTo(x, y) : context.lineTo(x, y)));
  context.closePath();
  context.fill();
  context.globalAlpha = 0.55;
  context.strokeStyle = color;
  context.lineWidth = 1;
  context.stroke();
  context.restore();
}

export interface Rectangle {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

type Point = readonly [x: number, y: number];

function rectangleCorners({ left, top, right, bottom }: Rectangle): Point[] {
  return [
    [left, top],
    [right, top],
    [right, bottom],
    [left, bottom],
  ];
}

/** The corners of the outline around points, in order (Andrew's monotone chain). */
export function convexHull(points: readonly Point[]): Point[] {
  const sorted = [...points].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const half = (ordered: readonly Point[]) => {
    const chain: Point[] = [];
    for (const point of ordered) {
      while (chain.length > 1 && turn(chain.at(-2)!, chain.at(-1)!, point) <= 0) chain.pop();
      chain.push(point);
    }
    return chain.slice(0, -1);
  };
  return [...half(sorted), ...half(sorted.reverse())];
}

function turn(a: Point, b: Point, c: Point): number {
  return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
}

/**
 * A plane: a heat map with contours between two axes, and over it trails, arrows and signs.
 *
 *     const plane = new Plane(root);                 // fills `root`, which has a size
 *     plane.drawGround({ width, height, x, y, grid, levels, color, … });
 *     plane.drawOver({ trails, arrows, signs });     // as often as one likes: the ground stays
 *
 * `plane.area` lies over the heat map and takes pointer and keys. The style sheet is `plane.css`.
 */

import { type Box, type ChartStyle, drawAxes, plotBox } from "../axes.ts";
import { contour, type Grid } from "./contours.ts";
import { type CurveLook, type Marker, sign } from "../curves.ts";
import { context2d } from "../heatmap.ts";
import { type Range, Scale } from "../scale.ts";
import { beginDrawing } from "../screen_canvas.ts";

export interface PlaneAxis extends Range {
  readonly label: string;
}

export interface Ground {
  readonly width: number;
  readonly height: number;
  readonly x: PlaneAxis;
  readonly y: PlaneAxis;
  /** Whether a unit is as long on both axes. */
  readonly equal?: boolean;
  /** Values at places from the low to the high end of each axis. */
  readonly grid: Grid | null;
  /** RGBA of a value, packed as a little-endian canvas wants it; 0 is the page. */
  readonly color: (value: number) => number;
  /** Values along which a line goes. */
  readonly levels: readonly number[];
  /** What is coloured in place of the heights, each value as a cell. */
  readonly cells?: (Grid & { readonly color: (value: number) => number }) | null;
  readonly style: ChartStyle;
}

/** A path, drawn up to one of its points, where its marker stands. */
export interface Trail {
  readonly x: ArrayLike<number>;
  readonly y: ArrayLike<number>;
  readonly until: number;
  readonly look: CurveLook;
  /** Whether it stands back behind the others. */
  readonly faint?: boolean;
}

/** From a place in a direction, both in the units of the axes. */
export interface Arrow {
  readonly x: number;
  readonly y: number;
  readonly dx: number;
  readonly dy: number;
  readonly color: string;
}

export interface Sign {
  readonly x: number;
  readonly y: number;
  readonly marker: Marker;
  readonly color: string;
  readonly size?: number;
}

export interface Over {
  readonly trails?: readonly Trail[];
  readonly arrows?: readonly Arrow[];
  readonly signs?: readonly Sign[];
}

interface Placed {
  readonly ground: Ground;
  readonly box: Box;
  readonly x: Scale;
  readonly y: Scale;
}

const HEAD = 7;
const SIGN = 4.5;

export class Plane {
  readonly area = document.createElement("div");
  readonly #root: HTMLElement;
  readonly #ground = document.createElement("canvas");
  readonly #over = document.createElement("canvas");
  readonly #cells = document.createElement("canvas");
  #placed: Placed | null = null;

  constructor(root: HTMLElement) {
    this.#root = root;
    for (const canvas of [this.#ground, this.#over]) canvas.setAttribute("aria-hidden", "true");
    this.area.className = "dl-area";
    root.classList.add("dl-plane");
    root.append(this.#ground, this.#over, this.area);
  }

  drawGround(ground: Ground): void {
    const { width, height, style } = ground;
    const y = { key: "y", label: ground.y.label };
    const box = fitted(plotBox(width, height, [y]), ground);
    const [right, bottom] = [box.left + box.width, box.top + box.height];
    const placed = {
      ground,
      box,
      x: new Scale(ground.x, false, { from: box.left, to: right }),
      y: new Scale(ground.y, false, { from: bottom, to: box.top }),
    };
    this.#placed = placed;
    const context = beginDrawing(this.#ground, width, height);
    drawAxes(
      context,
      box,
      width,
      { ...ground.x, scale: placed.x },
      [{ ...y, scale: placed.y }],
      style,
    );
    context.save();
    context.beginPath();
    context.rect(box.left, box.top, box.width, box.height);
    context.clip();
    const colored = ground.cells ?? ground.grid;
    if (colored !== null) this.#drawGrid(context, colored, placed);
    if (ground.grid !== null) drawContours(context, ground.grid, placed);
    context.restore();
    for (const side of ["left", "top", "width", "height"] as const) {
      this.area.style[side] = `${box[side]}px`;
    }
  }

  drawOver({ trails = [], arrows = [], signs = [] }: Over): void {
    if (this.#placed === null) return;
    const { ground, box, x, y } = this.#placed;
    const context = beginDrawing(this.#over, ground.width, ground.height);
    context.save();
    context.beginPath();
    context.rect(box.left, box.top, box.width, box.height);
    context.clip();
    context.lineJoin = "round";
    for (const trail of trails) drawTrail(context, trail, x, y);
    for (const trail of trails) drawEnd(context, trail, ground.style.background, x, y);
    for (const { color, marker, size = SIGN, ...at } of signs) {
      sign(context, marker, x.place(at.x), y.place(at.y), size);
      outlined(context, color, ground.style.background);
    }
    for (const arrow of arrows) drawArrow(context, arrow, ground.style.background, x, y);
    context.restore();
  }

  /** Where a place of the plane is in the area, in pixels; NaN before anything is drawn. */
  place(x: number, y: number): readonly [left: number, top: number] {
    if (this.#placed === null) return [NaN, NaN];
    const { box } = this.#placed;
    return [this.#placed.x.place(x) - box.left, this.#placed.y.place(y) - box.top];
  }

  /** The place of the plane at a pixel of the area, held within it; null before it is drawn. */
  valueAt(left: number, top: number): readonly [x: number, y: number] | null {
    if (this.#placed === null) return null;
    const { box, x, y } = this.#placed;
    const held = (pixel: number, most: number) => Math.max(0, Math.min(most, pixel));
    return [
      x.valueAt(box.left + held(left, box.width)),
      y.valueAt(box.top + held(top, box.height)),
    ];
  }

  /** How far each axis goes; 0 before anything is drawn. */
  span(): readonly [width: number, height: number] {
    if (this.#placed === null) return [0, 0];
    const { x, y } = this.#placed.ground;
    return [x.high - x.low, y.high - y.low];
  }

  destroy(): void {
    this.#ground.remove();
    this.#over.remove();
    this.area.remove();
    this.#root.classList.remove("dl-plane");
  }

  #drawGrid(
    target: CanvasRenderingContext2D,
    { values, rows, columns }: Grid,
    { ground, x, y }: Placed,
  ): void {
    const context = context2d(this.#cells);
    const color = ground.cells?.color ?? ground.color;
    this.#cells.width = columns;
    this.#cells.height = rows;
    const image = context.createImageData(columns, rows);
    const pixels = new Uint32Array(image.data.buffer);
    for (let row = 0; row < rows; row++) {
      const start = (rows - 1 - row) * columns;
      for (let column = 0; column < columns; column++) {
        pixels[row * columns + column] = color(values[start + column]!);
      }
    }
    context.putImageData(image, 0, 0);
    // A value is the middle of its pixel, so that the outermost reach out of the box by half.
    const [wide, tall] = [
      (x.pixels.to - x.pixels.from) / Math.max(1, columns - 1),
      (y.pixels.from - y.pixels.to) / Math.max(1, rows - 1),
    ];
    target.imageSmoothingEnabled = (ground.cells ?? null) === null;
    target.drawImage(
      this.#cells,
      x.pixels.from - wide / 2,
      y.pixels.to - tall / 2,
      columns * wide,
      rows * tall,
    );
  }
}

/** The part of a box in which a unit is as long on both axes, if that is asked for. */
function fitted(box: Box, { x, y, equal = false }: Ground): Box {
  if (!equal) return box;
  const unit = Math.min(box.width / (x.high - x.low), box.height / (y.high - y.low));
  return { ...box, width: unit * (x.high - x.low), height: unit * (y.high - y.low) };
}

function drawContours(
  context: CanvasRenderingContext2D,
  grid: Grid,
  { ground, x, y }: Placed,
): void {
  const across = (x.pixels.to - x.pixels.from) / Math.max(1, grid.columns - 1);
  const up = (y.pixels.to - y.pixels.from) / Math.max(1, grid.rows - 1);
  context.beginPath();
  for (const level of ground.levels) {
    const pieces = contour(grid, level);
    for (let i = 0; i < pieces.length; i += 4) {
      context.moveTo(x.pixels.from + across * pieces[i]!, y.pixels.from + up * pieces[i + 1]!);
      context.lineTo(x.pixels.from + across * pieces[i + 2]!, y.pixels.from + up * pieces[i + 3]!);
    }
  }
  context.strokeStyle = ground.style.text;
  context.globalAlpha = 0.28;
  context.lineWidth = 1;
  context.stroke();
  context.globalAlpha = 1;
}

/** The last point that there is; none is after one that is not a number. */
function endOf({ x, y, until }: Trail): number {
  let end = Math.min(until, x.length - 1);
  while (end >= 0 && !(Number.isFinite(x[end]) && Number.isFinite(y[end]))) end--;
  return end;
}

function drawTrail(context: CanvasRenderingContext2D, trail: Trail, x: Scale, y: Scale): void {
  const end = endOf(trail);
  context.beginPath();
  for (let i = 0; i <= end; i++) context.lineTo(x.place(trail.x[i]!), y.place(trail.y[i]!));
  context.strokeStyle = trail.look.color;
  context.lineWidth = trail.look.width;
  context.globalAlpha = trail.faint === true ? 0.4 : 1;
  context.setLineDash([...trail.look.dash]);
  context.stroke();
  context.setLineDash([]);
  context.globalAlpha = 1;
}

function drawEnd(
  context: CanvasRenderingContext2D,
  trail: Trail,
  background: string,
  x: Scale,
  y: Scale,
): void {
  const end = endOf(trail);
  const { marker, color } = trail.look;
  if (end < 0 || marker === null) return;
  sign(context, marker, x.place(trail.x[end]!), y.place(trail.y[end]!), SIGN);
  context.globalAlpha = trail.faint === true ? 0.6 : 1;
  outlined(context, color, background);
  context.globalAlpha = 1;
}

function outlined(context: CanvasRenderingContext2D, color: string, background: string): void {
  context.fillStyle = color;
  context.strokeStyle = background;
  context.lineWidth = 2;
  context.stroke();
  context.fill();
}

function drawArrow(
  context: CanvasRenderingContext2D,
  { dx, dy, color, ...from }: Arrow,
  background: string,
  x: Scale,
  y: Scale,
): void {
  const [left, top] = [x.place(from.x), y.place(from.y)];
  const [right, bottom] = [x.place(from.x + dx), y.place(from.y + dy)];
  const length = Math.hypot(right - left, bottom - top);
  if (!(length > 1)) return;
  const [ux, uy] = [(right - left) / length, (bottom - top) / length];
  const head = Math.min(HEAD, length);
  const shaft = (width: number, stroke: string) => {
    context.beginPath();
    context.moveTo(left, top);
    context.lineTo(right - ux * head, bottom - uy * head);
    context.lineWidth = width;
    context.strokeStyle = stroke;
    context.stroke();
  };
  shaft(5, background);
  shaft(2.5, color);
  context.beginPath();
  context.moveTo(right, bottom);
  context.lineTo(right - head * (ux - 0.55 * uy), bottom - head * (uy + 0.55 * ux));
  context.lineTo(right - head * (ux + 0.55 * uy), bottom - head * (uy - 0.55 * ux));
  context.closePath();
  outlined(context, color, background);
}

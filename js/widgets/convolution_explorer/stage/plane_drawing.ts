/** Two dimensions on a canvas: the stretched, padded input, the kernel and the output. */

import {
  type CellLook,
  drawBeam,
  drawCells,
  READABLE,
  type Plane,
  type Rectangle,
} from "../../../draw/cells.ts";
import type { Axis } from "../arithmetic/axis.ts";
import type { Layer } from "../arithmetic/layer.ts";
import {
  cellText,
  type Palette,
  scaleOf,
  shortText,
  type Shade,
  valueColor,
} from "./cell_looks.ts";
import type { PlaneLayout } from "./plane_layout.ts";
import { cellKey, type Target, type Touched } from "./touch.ts";

export interface Drawn {
  readonly layer: Layer;
  readonly inChannel: number;
  readonly outChannel: number;
  readonly target: Target;
  readonly touched: Touched;
  readonly numbers: boolean;
  readonly colors: boolean;
  readonly palette: Palette;
}

/** Pixels from which a cell has room for a zero before the point. */
const ROOMY = 34;

export function drawPlanes(
  context: CanvasRenderingContext2D,
  layout: PlaneLayout,
  drawn: Drawn,
): void {
  const { palette, target } = drawn;
  if (target.part === "output") {
    const { x, y } = drawn.layer;
    const [rows, columns] = [y.window(target.y), x.window(target.x)];
    const box = (plane: Plane, top: number, left: number, bottom: number, right: number) =>
      rectangle(plane, top, left, bottom, right);
    const from = box(
      layout.input,
      rows[0]!.at - y.low,
      columns[0]!.at - x.low,
      rows.at(-1)!.at - y.low,
      columns.at(-1)!.at - x.low,
    );
    const to = box(layout.output, target.y, target.x, target.y, target.x);
    drawBeam(context, from, to, palette.output.edge);
  }
  drawSigns(context, layout, drawn);
  drawInput(context, layout.input, drawn);
  drawKernel(context, layout.weight, drawn);
  drawOutput(context, layout.output, drawn);
}

function rectangle(
  { left, top, width, height }: Plane,
  row: number,
  column: number,
  lastRow: number,
  lastColumn: number,
): Rectangle {
  return {
    left: left + column * width,
    top: top + row * height,
    right: left + (lastColumn + 1) * width,
    bottom: top + (lastRow + 1) * height,
  };
}

/** ∗ and = between the planes where they stand in a row. */
function drawSigns(
  context: CanvasRenderingContext2D,
  { input, weight, output }: PlaneLayout,
  { palette }: Drawn,
): void {
  context.fillStyle = palette.muted;
  context.font = "20px system-ui, sans-serif";
  context.textAlign = "center";
  context.textBaseline = "middle";
  const between = (a: Plane, b: Plane, sign: string) => {
    const right = a.left + a.columns * a.width;
    if (right > b.left) return;
    context.fillText(sign, (right + b.left) / 2, b.top + (b.rows * b.height) / 2);
  };
  between(input, weight, "∗");
  between(weight, output, "=");
}

function drawInput(context: CanvasRenderingContext2D, plane: Plane, drawn: Drawn): void {
  const { layer, inChannel, touched, palette, target } = drawn;
  const { x, y } = layer;
  const values = layer.input.subarray(inChannel * layer.inPlane, (inChannel + 1) * layer.inPlane);
  const scale = scaleOf(values);
  drawCells(context, plane, palette.line, (row, column) => {
    const at = { y: y.low + row, x: x.low + column };
    const weight = touched.inputs.get(cellKey(at.y, at.x));
    const roles = [y.role(at.y), x.role(at.x)];
    const real = roles.every((role) => role === "input");
    const outside = roles.includes("outside");
    const value = outside ? null : layer.inputAt(inChannel, at.y, at.x);
    const look = valueLook(value, weight !== undefined, palette.input, scale, drawn, plane.width);
    return {
      ...look,
      fill: real || weight !== undefined ? look.fill : null,
      textColor: real || weight !== undefined ? look.textColor : palette.muted,
      dashed: !real,
      hatched: isLeftOver(y, at.y) || isLeftOver(x, at.x),
      ...(weight !== undefined && target.part === "output" && drawn.numbers
        ? corner(drawn, weight, look)
        : {}),
    };
  });
}

/** Behind the last window, because the stride does not divide. */
function isLeftOver(axis: Axis, at: number): boolean {
  return axis.leftOver > 0 && at > axis.start(axis.outputs - 1) + axis.span - 1;
}

function corner(drawn: Drawn, place: number, { textColor }: CellLook): Partial<CellLook> {
  const { layer, outChannel, inChannel, palette } = drawn;
  if (layer.weight.length === 0 || place < 0) return {};
  const [row, column] = [Math.floor(place / layer.x.kernel), place % layer.x.kernel];
  return {
    corner: `×${shortText(layer.weightAt(outChannel, inChannel, row, column))}`,
    cornerColor: textColor ?? palette.text,
  };
}

function drawKernel(context: CanvasRenderingContext2D, plane: Plane, drawn: Drawn): void {
  const { layer, outChannel, inChannel, touched, palette } = drawn;
  const scale = scaleOf(layer.weight);
  drawCells(context, plane, palette.line, (row, column) => {
    const hot = touched.weights.has(row * layer.x.kernel + column);
    const look = valueLook(
      layer.weight.length > 0 ? layer.weightAt(outChannel, inChannel, row, column) : null,
      hot,
      palette.weight,
      scale,
      drawn,
      plane.width,
    );
    if (layer.weight.length > 0) return look;
    return { ...look, text: poolSign(drawn), textColor: palette.text };
  });
}

/** What a pool does to each cell of its window. */
function poolSign({ layer, numbers, target }: Drawn): string {
  if (!numbers) return "";
  if (layer.settings.kind === "max_pool") return "max";
  const divisor =
    target.part === "output" ? layer.divisor(target.y, target.x) : layer.divisor(0, 0);
  return `1/${divisor}`;
}

function drawOutput(context: CanvasRenderingContext2D, plane: Plane, drawn: Drawn): void {
  const { layer, outChannel, touched, palette, target } = drawn;
  const values = layer.output(outChannel);
  const scale = scaleOf(values);
  drawCells(context, plane, palette.line, (row, column) => {
    const weight = touched.outputs.get(cellKey(row, column));
    const value = values[row * layer.x.outputs + column]!;
    const look = valueLook(value, weight !== undefined, palette.output, scale, drawn, plane.width);
    const through = weight !== undefined && target.part === "input" && drawn.numbers;
    return { ...look, ...(through ? corner(drawn, weight, look) : {}) };
  });
}

export function valueLook(
  value: number | null,
  hot: boolean,
  shade: Shade,
  scale: number,
  { numbers, colors, palette }: Pick<Drawn, "numbers" | "colors" | "palette">,
  room: number,
): CellLook {
  const colored = colors && value !== null ? valueColor(value, scale) : null;
  return {
    fill: colored?.fill ?? (hot ? shade.strong : shade.fill),
    ...(hot ? { edge: shade.edge } : {}),
    ...(numbers && value !== null && room >= READABLE
      ? { text: room < ROOMY ? shortText(value) : cellText(value) }
      : {}),
    textColor: colored?.text ?? palette.text,
  };
}

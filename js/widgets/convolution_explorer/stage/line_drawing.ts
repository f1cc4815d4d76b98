/** One dimension on a canvas: rows of cells with the edges between them. */

import { drawCells } from "../../../draw/cells.ts";
import { type Palette, scaleOf, type Shade, shortText } from "./cell_looks.ts";
import type { LineLayout, Row } from "./line_layout.ts";
import type { Picture } from "./picture.ts";
import { valueLook } from "./plane_drawing.ts";
import { cellKey, type Target, type Touched } from "./touch.ts";

export interface DrawnLine {
  readonly picture: Picture;
  readonly inChannel: number;
  readonly outChannel: number;
  readonly target: Target;
  readonly touched: Touched;
  /** The cells of each row that belong to the target. */
  readonly field: readonly ReadonlySet<number>[];
  readonly numbers: boolean;
  readonly colors: boolean;
  readonly palette: Palette;
}

/** Beyond this many, edges that nobody points at would be a grey plane. */
const MOST_EDGES = 700;

export function drawLines(
  context: CanvasRenderingContext2D,
  layout: LineLayout,
  drawn: DrawnLine,
): void {
  const { picture, inChannel, outChannel, palette } = drawn;
  drawEdges(context, layout, drawn);
  drawKernel(context, layout, drawn);
  picture.layers.forEach((layer, place) => {
    if (place > 0) return;
    const values = layer.input.subarray(inChannel * layer.inPlane, (inChannel + 1) * layer.inPlane);
    const { x } = layer;
    const scale = scaleOf(values);
    drawRow(context, layout.rows[0]!, palette, (at) => {
      const real = x.role(at) === "input";
      const weight = weightOf(drawn, at);
      const value = x.role(at) === "outside" ? null : layer.inputAt(inChannel, 0, at);
      const hot = drawn.field[0]!.has(at);
      const look = valueLook(value, hot, palette.input, scale, drawn, layout.rows[0]!.cell);
      return {
        ...look,
        fill: real || hot ? look.fill : null,
        textColor: real || hot ? look.textColor : palette.muted,
        dashed: !real,
        hatched: x.leftOver > 0 && at > x.start(x.outputs - 1) + x.span - 1,
        ...(weight === null ? {} : { corner: weight, cornerColor: look.textColor ?? palette.text }),
      };
    });
  });
  picture.layers.forEach((layer, place) => {
    const channel = picture.layers.length > 1 ? 0 : outChannel;
    const values = layer.output(channel);
    const scale = scaleOf(values);
    const shade: Shade = place + 1 === picture.layers.length ? palette.output : palette.weight;
    drawRow(context, layout.rows[place + 1]!, palette, (at) =>
      valueLook(
        values[at]!,
        drawn.field[place + 1]!.has(at),
        shade,
        scale,
        drawn,
        layout.rows[0]!.cell,
      ),
    );
  });
}

/** The weight that meets an input of a single layer. */
function weightOf(
  { picture, target, touched, inChannel, outChannel, numbers }: DrawnLine,
  at: number,
) {
  const layer = picture.layers[0]!;
  const place = touched.inputs.get(cellKey(0, at));
  const single = picture.layers.length === 1 && layer.weight.length > 0;
  if (!single || !numbers || target.part !== "output" || place === undefined || place < 0)
    return null;
  return `×${shortText(layer.weightAt(outChannel, inChannel, 0, place))}`;
}

function drawRow(
  context: CanvasRenderingContext2D,
  { plane, cell, first }: Row,
  { line }: Palette,
  look: (at: number) => ReturnType<typeof valueLook>,
): void {
  if (Math.abs(plane.width - cell) < 1e-9) {
    drawCells(context, plane, line, (_, column) => look(first + column));
    return;
  }
  for (let column = 0; column < plane.columns; column++) {
    const left = plane.left + column * plane.width + (plane.width - cell) / 2;
    const one = { ...plane, left, width: cell, columns: 1 };
    drawCells(context, one, line, () => look(first + column));
  }
}

function drawKernel(context: CanvasRenderingContext2D, layout: LineLayout, drawn: DrawnLine): void {
  const { picture, target, touched, palette, inChannel, outChannel } = drawn;
  const layer = picture.layers[target.layer]!;
  const scale = scaleOf(layer.weight);
  const [to, from] = picture.layers.length > 1 ? [0, 0] : [outChannel, inChannel];
  drawCells(context, layout.weight, palette.line, (_, column) => {
    const value = layer.weight.length > 0 ? layer.weightAt(to, from, 0, column) : null;
    const hot = touched.weights.has(column);
    const look = valueLook(value, hot, palette.weight, scale, drawn, layout.weight.width);
    if (layer.weight.length > 0) return look;
    const sign =
      layer.settings.kind === "max_pool"
        ? "max"
        : `1/${layer.divisor(0, target.part === "output" ? target.x : 0)}`;
    return { ...look, text: drawn.numbers ? sign : "", textColor: palette.text };
  });
}

function drawEdges(context: CanvasRenderingContext2D, layout: LineLayout, drawn: DrawnLine): void {
  const { picture, field, palette, target } = drawn;
  const all = picture.layers.reduce((sum, { x }) => sum + x.outputs * x.kernel, 0);
  const lit: [number, number, number, number][] = [];
  context.lineWidth = 1;
  context.strokeStyle = palette.line;
  context.globalAlpha = 0.45;
  context.beginPath();
  picture.layers.forEach(({ x }, place) => {
    const [below, over] = [layout.rows[place]!, layout.rows[place + 1]!];
    for (let output = 0; output < x.outputs; output++) {
      const taken = field[place + 1]!.has(output);
      if (!taken && all > MOST_EDGES) continue;
      for (const { at, kernel } of x.window(output)) {
        const column = at - below.first;
        if (column < 0 || column >= below.plane.columns) continue;
        const points = [...middle(below, column, 0), ...middle(over, output, 1)] as [
          number,
          number,
          number,
          number,
        ];
        const chosen = target.part !== "weight" || (target.layer === place && target.x === kernel);
        if (taken && chosen && field[place]!.has(at)) lit.push(points);
        else if (all <= MOST_EDGES) line(context, points);
      }
    }
  });
  context.stroke();
  context.globalAlpha = 1;
  context.strokeStyle = palette.output.edge;
  context.lineWidth = lit.length > 200 ? 1 : 2;
  context.beginPath();
  for (const points of lit) line(context, points);
  context.stroke();
}

function middle({ plane }: Row, column: number, below: number): [number, number] {
  return [plane.left + (column + 0.5) * plane.width, plane.top + below * plane.height];
}

function line(
  context: CanvasRenderingContext2D,
  [x0, y0, x1, y1]: readonly [number, number, number, number],
): void {
  context.moveTo(x0, y0);
  context.lineTo(x1, y1);
}

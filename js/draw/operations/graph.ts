/** A graph of operations with numbers: on each node values and gradients, on each edge what comes back. */

import { signedColor, signedRgb } from "../color.ts";
import {
  type Known,
  type NodeBox,
  type Operation,
  type OperationLayout,
  PARTS_APART,
} from "./layout.ts";
import { isDark } from "../pixels.ts";
import { largestOf, ValuePainter } from "../values.ts";

export interface NumberedOperation extends Operation {
  readonly inputs: readonly NumberedEdge[];
  readonly title: string;
  /** What it does, beside the title. */
  readonly sign: string;
  readonly values: Float32Array;
  readonly gradients: Float32Array | null;
  /** Whether training changes it: it gets a stronger edge. */
  readonly trainable: boolean;
  /** Whether a person has changed one of its numbers. */
  readonly edited: boolean;
}

export interface NumberedEdge {
  readonly from: number;
  /** What comes back by it. */
  readonly gradients: Float32Array | null;
}

export interface OperationStyle {
  readonly font: string;
  readonly text: string;
  readonly muted: string;
  readonly line: string;
  readonly background: string;
  readonly accent: string;
  /** A number in a few characters. */
  readonly number: (value: number) => string;
}

export interface Chosen {
  readonly node: number;
  readonly at: number;
}

const ROUND = 6;
const WIDEST = 5;

export class OperationGraph {
  readonly #painter = new ValuePainter();

  draw(
    context: CanvasRenderingContext2D,
    layout: OperationLayout,
    operations: readonly NumberedOperation[],
    known: Known,
    chosen: Chosen | null,
    style: OperationStyle,
  ): void {
    const largest = Math.max(
      ...operations.flatMap(({ gradients }, i) =>
        gradients === null || known.gradients[i] !== true ? [] : [largestOf(gradients)],
      ),
      1e-30,
    );
    operations.forEach((operation, place) => {
      for (const edge of operation.inputs) {
        const back = known.passed[place] === true ? edge.gradients : null;
        drawEdge(context, layout.nodes[edge.from]!, layout.nodes[place]!, {
          back,
          reached: known.values[place] === true,
          largest,
          lone: operations[edge.from]!.values.length === 1,
          style,
        });
      }
    });
    operations.forEach((operation, place) => {
      const box = layout.nodes[place]!;
      const current = known.current === place;
      const shown = chosen?.node === place ? chosen.at : null;
      drawBox(context, box, operation, { current, chosen: shown !== null }, style);
      const values = known.values[place] === true ? operation.values : null;
      const gradients = known.gradients[place] === true ? operation.gradients : null;
      if (box.written) drawNumbers(context, box, operation, values, gradients, largest, style);
      else this.#drawColors(context, box, operation, values, gradients, largest);
      if (shown !== null) outline(context, box, operation, shown, style.accent);
    });
  }

  #drawColors(
    context: CanvasRenderingContext2D,
    box: NodeBox,
    { rows, columns }: Operation,
    values: Float32Array | null,
    gradients: Float32Array | null,
    largest: number,
  ): void {
    const [wide, tall] = [columns * box.cellWidth, rows * box.cellHeight];
    const shape = [rows, columns] as const;
    if (values !== null) {
      const place = [box.left, box.top, wide, tall] as const;
      this.#painter.paint(context, values, 0, shape, largestOf(values), place);
    }
    if (gradients !== null) {
      const place = [box.left, box.top + tall + PARTS_APART, wide, tall] as const;
      this.#painter.paint(context, gradients, 0, shape, largest, place);
    }
  }
}

function drawBox(
  context: CanvasRenderingContext2D,
  box: NodeBox,
  { title, sign, inputs, trainable, edited }: NumberedOperation,
  { current, chosen }: { readonly current: boolean; readonly chosen: boolean },
  style: OperationStyle,
): void {
  context.beginPath();
  context.roundRect(box.x, box.y, box.width, box.height, inputs.length === 0 ? ROUND : 2 * ROUND);
  context.fillStyle = style.background;
  context.fill();
  context.lineWidth = current || chosen ? 2.5 : trainable ? 2 : 1;
  context.strokeStyle = current || chosen ? style.accent : trainable ? style.text : style.line;
  context.setLineDash(inputs.length === 0 && !trainable ? [4, 3] : []);
  context.stroke();
  context.setLineDash([]);
  context.textBaseline = "middle";
  context.textAlign = "left";
  const middle = box.y + 11;
  const name = edited ? `${title}*` : title;
  context.font = `600 12px ${style.font}`;
  context.fillStyle = style.text;
  const room = box.width - 12;
  const wide = context.measureText(name).width;
  context.font = `12px ${style.font}`;
  const beside = sign === "" ? 0 : context.measureText(sign).width + 6;
  const fits = wide + beside <= room;
  context.font = `600 12px ${style.font}`;
  context.fillText(name, box.x + 6, middle, fits ? room : Math.max(16, room - beside));
  if (sign === "") return;
  context.font = `12px ${style.font}`;
  context.fillStyle = style.muted;
  context.textAlign = "right";
  context.fillText(sign, box.x + box.width - 6, middle, room / 2);
}

function drawNumbers(
  context: CanvasRenderingContext2D,
  box: NodeBox,
  { columns, values: all }: NumberedOperation,
  values: Float32Array | null,
  gradients: Float32Array | null,
  largest: number,
  style: OperationStyle,
): void {
  const lone = all.length === 1;
  const size = lone ? 13 : 11;
  context.textAlign = "center";
  context.textBaseline = "middle";
  for (let i = 0; i < all.length; i++) {
    const x = box.left + (i % columns) * box.cellWidth;
    const y = box.top + Math.floor(i / columns) * box.cellHeight;
    const half = box.cellHeight / 2;
    const [middle, room] = [x + box.cellWidth / 2, box.cellWidth - 4];
    context.font = `${size}px ${style.font}`;
    context.fillStyle = style.text;
    context.fillText(values === null ? "·" : style.number(values[i]!), middle, y + half / 2, room);
    if (gradients === null) continue;
    const share = Math.max(-1, Math.min(1, gradients[i]! / largest)) || 0;
    context.fillStyle = signedColor(share);
    context.fillRect(x + 1, y + half, box.cellWidth - 2, half - 1);
    context.fillStyle = isDark(...signedRgb(share)) ? "#fff" : "#000";
    context.font = `${size - 1}px ${style.font}`;
    context.fillText(style.number(gradients[i]!), middle, y + 1.5 * half, room);
  }
}

function outline(
  context: CanvasRenderingContext2D,
  box: NodeBox,
  { rows, columns }: Operation,
  at: number,
  color: string,
): void {
  const x = box.left + (at % columns) * box.cellWidth;
  const y = box.top + Math.floor(at / columns) * box.cellHeight;
  context.strokeStyle = color;
  context.lineWidth = 2;
  context.strokeRect(x, y, box.cellWidth, box.cellHeight);
  if (box.written) return;
  context.strokeRect(x, y + rows * box.cellHeight + PARTS_APART, box.cellWidth, box.cellHeight);
}

interface EdgeLook {
  readonly back: Float32Array | null;
  readonly reached: boolean;
  readonly largest: number;
  readonly lone: boolean;
  readonly style: OperationStyle;
}

/** As wide as its largest gradient, in the colour of that one's sign, with the number of a lone one. */
function drawEdge(
  context: CanvasRenderingContext2D,
  from: NodeBox,
  to: NodeBox,
  { back, reached, largest, lone, style }: EdgeLook,
): void {
  const [x0, y0] = [from.x + from.width, from.y + from.height / 2];
  const [x1, y1] = [to.x, to.y + to.height / 2];
  const bend = Math.max(14, (x1 - x0) / 2);
  context.beginPath();
  context.moveTo(x0, y0);
  context.bezierCurveTo(x0 + bend, y0, x1 - bend, y1, x1, y1);
  const strongest = back === null ? 0 : strongestOf(back);
  const share = Math.min(1, Math.abs(strongest) / largest);
  context.lineWidth = back === null ? (reached ? 1.5 : 1) : 1.5 + (WIDEST - 1.5) * share;
  context.strokeStyle =
    back === null || strongest === 0
      ? reached
        ? style.muted
        : style.line
      : signedColor(Math.sign(strongest));
  context.setLineDash(back !== null && strongest === 0 ? [3, 3] : []);
  context.stroke();
  context.setLineDash([]);
  if (!lone || back === null) return;
  const text = style.number(back[0]!);
  context.font = `10px ${style.font}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  const [x, y] = [(x0 + x1) / 2, (y0 + y1) / 2];
  const wide = context.measureText(text).width + 6;
  context.fillStyle = style.background;
  context.fillRect(x - wide / 2, y - 7, wide, 14);
  context.fillStyle = style.text;
  context.fillText(text, x, y);
}

function strongestOf(values: Float32Array): number {
  let strongest = 0;
  for (const value of values) if (Math.abs(value) > Math.abs(strongest)) strongest = value;
  return strongest;
}

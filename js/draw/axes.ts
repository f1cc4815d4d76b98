/** The frame of a chart: how its room is divided, grid lines, numbers and names beside the axes. */

import { Scale, type Range, ticks, type TickOptions } from "./scale.ts";
import { tick, type TickText, tickTexts } from "./tick_text.ts";

interface Axis {
  readonly label: string;
  readonly log?: boolean;
  /** What its numbers look like. */
  readonly text?: TickText;
}

export interface XAxis extends Axis, Range {
  readonly unit?: TickOptions["unit"];
}

export interface YAxis extends Axis {
  readonly key: string;
  readonly side?: "left" | "right";
  /** Else what its curves need, rounded outwards. */
  readonly range?: Range;
}

export interface ChartStyle {
  readonly font: string;
  readonly text: string;
  readonly line: string;
  readonly background: string;
}

export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** Room for numbers and names, and how far apart numbers stand: in pixels. */
const WIDE = { numbers: 44, name: 14, edge: 4, beside: 14, top: 10, foot: 18, apart: 76 };
const COMPACT = { numbers: 36, name: 12, edge: 2, beside: 17, top: 6, foot: 16, apart: 52 };
const GAP = 4;

/** Whether there is so little room that a legend has to say which axis on the right is which. */
export function isCompact(width: number): boolean {
  return width < 480;
}

/** The room that the axes leave for the curves. Fixed: nothing jumps when numbers grow longer. */
export function plotBox(width: number, height: number, y: readonly YAxis[]): Box {
  const { edge, beside, top, foot, name } = sizes(width);
  const taken = (side: YAxis["side"]) =>
    y
      .filter((axis) => (axis.side ?? "left") === side)
      .reduce((sum, axis) => sum + axisWidth(axis, width), 0);
  const left = edge + taken("left");
  const right = taken("right") > 0 ? edge + taken("right") : beside;
  return {
    left,
    top,
    width: Math.max(1, width - left - right),
    height: Math.max(1, height - top - foot - name),
  };
}

/** Draws the grid and all that stands around the box. */
export function drawAxes(
  context: CanvasRenderingContext2D,
  box: Box,
  width: number,
  x: XAxis & { readonly scale: Scale },
  y: readonly (YAxis & { readonly scale: Scale })[],
  style: ChartStyle,
): void {
  const { apart, foot, name } = sizes(width);
  const bottom = box.top + box.height;
  context.font = style.font;
  context.lineWidth = 1;
  context.strokeStyle = style.line;
  context.fillStyle = style.text;
  context.textAlign = "center";
  context.textBaseline = "top";
  const across = ticks({ ...x, log: x.log === true, count: box.width / apart });
  const grid = new Grid(context);
  tickTexts(across, x.text ?? tick).forEach((text, i) => {
    const at = x.scale.place(across[i]!);
    grid.upright(at, box.top, bottom);
    context.fillText(text, at, bottom + GAP);
  });
  context.fillText(x.label, box.left + box.width / 2, bottom + foot);
  context.textBaseline = "middle";
  let [left, right] = [box.left, box.left + box.width];
  for (const [i, axis] of y.entries()) {
    const { scale, log = false, side = "left" } = axis;
    const own = axisWidth(axis, width);
    const up = ticks({ ...scale.range, log, count: box.height / (box.height < 120 ? 18 : 30) });
    const edge = side === "left" ? left - GAP : right + GAP;
    context.textAlign = side === "left" ? "right" : "left";
    tickTexts(up, axis.text ?? tick).forEach((text, j) => {
      const at = scale.place(up[j]!);
      if (i === 0) grid.level(at, box.left, box.left + box.width);
      context.fillText(text, edge, at);
    });
    if (named(axis, width)) {
      const at = side === "left" ? left - own + name / 2 : right + own - name / 2;
      sideways(context, axis.label, at, box.top + box.height / 2, side);
    }
    if (side === "left") left -= own;
    else right += own;
  }
  grid.draw();
}

/** Lines of one pixel of the screen's, which would be blurred between two. */
class Grid {
  readonly #context: CanvasRenderingContext2D;
  readonly #path = new Path2D();

  constructor(context: CanvasRenderingContext2D) {
    this.#context = context;
  }

  upright(x: number, top: number, bottom: number): void {
    const at = Math.round(x) + 0.5;
    this.#path.moveTo(at, top);
    this.#path.lineTo(at, bottom);
  }

  level(y: number, left: number, right: number): void {
    const at = Math.round(y) + 0.5;
    this.#path.moveTo(left, at);
    this.#path.lineTo(right, at);
  }

  draw(): void {
    this.#context.stroke(this.#path);
  }
}

function sideways(
  context: CanvasRenderingContext2D,
  text: string,
  x: number,
  y: number,
  side: "left" | "right",
): void {
  context.save();
  context.translate(x, y);
  context.rotate(side === "left" ? -Math.PI / 2 : Math.PI / 2);
  context.textAlign = "center";
  context.fillText(text, 0, 0);
  context.restore();
}

function sizes(width: number) {
  return isCompact(width) ? COMPACT : WIDE;
}

function named({ side, label }: YAxis, width: number): boolean {
  return label !== "" && !(side === "right" && isCompact(width));
}

function axisWidth(axis: YAxis, width: number): number {
  const { numbers, name } = sizes(width);
  return numbers + (named(axis, width) ? name : 0);
}

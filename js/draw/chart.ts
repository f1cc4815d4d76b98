/**
 * A chart: curves over one x-axis and any number of y-axes, a cursor that reads them, marks.
 *
 *     const chart = new Chart(root);            // fills `root`, which has a size
 *     chart.draw({ width, height, x, y, curves, style });   // all of it, as often as one likes
 *     chart.hover(lifetime, (x) => readings.value = chart.read(x));
 *
 * A scene says everything; the chart remembers only where the cursor is. `chart.area` lies over the
 * curves and takes pointer and keys: give it a role and a name. The style sheet is `chart.css`.
 */

import { type Box, type ChartStyle, drawAxes, plotBox, type XAxis, type YAxis } from "./axes.ts";
import {
  type Curve,
  type CurvePoints,
  drawBest,
  drawCurve,
  nearest,
  shownValue,
} from "./curves.ts";
import { type Range, roundRange, Scale } from "./scale.ts";
import { beginDrawing } from "./screen_canvas.ts";

export { type ChartStyle, isCompact, type XAxis, type YAxis } from "./axes.ts";

/** A line across the plot at a value of x, with its name. */
export interface Mark {
  /** Its `data-mark`. */
  readonly name: string;
  readonly x: number;
  readonly label: string;
  readonly color: string;
  readonly dashed?: boolean;
  readonly at?: "top" | "bottom";
  /** A diamond at this value of the first y-axis. */
  readonly sign?: number | null;
}

/** A stretch of the x-axis behind the curves, with its name where there is room for it. */
export interface Band {
  readonly low: number;
  readonly high: number;
  readonly label: string;
  readonly color: string;
}

export interface Scene<C extends Curve = Curve> {
  readonly width: number;
  readonly height: number;
  /** `low` and `high` are what is shown; on a logarithmic axis above 0. */
  readonly x: XAxis;
  /** The first has the grid. */
  readonly y: readonly YAxis[];
  /** Drawn in this order. */
  readonly curves: readonly C[];
  readonly marks?: readonly Mark[];
  readonly bands?: readonly Band[];
  readonly style: ChartStyle;
}

/** A point of a curve. */
export interface Reading<C extends Curve = Curve> {
  readonly curve: C;
  readonly index: number;
}

interface Drawn<C extends Curve> {
  readonly scene: Scene<C>;
  readonly box: Box;
  readonly x: Scale;
  readonly y: ReadonlyMap<string, Scale>;
}

/** How far out of the box curves are drawn: half a line's width, and what leads to infinity. */
const MARGIN = 2;
const BAND_ALPHA = 0.14;

export class Chart<C extends Curve = Curve> {
  readonly area: HTMLElement;
  readonly #root: HTMLElement;
  readonly #canvas: HTMLCanvasElement;
  readonly #marks = part("dl-marks");
  readonly #line = part("dl-cursor");
  readonly #dots = part("dl-dots");
  #drawn: Drawn<C> | null = null;
  #marked = "";
  #at: number | null = null;

  constructor(root: HTMLElement) {
    this.#root = root;
    this.#canvas = document.createElement("canvas");
    this.#canvas.setAttribute("aria-hidden", "true");
    this.area = part("dl-area");
    this.area.append(this.#marks, this.#line, this.#dots);
    this.#line.hidden = true;
    root.classList.add("dl-plot");
    root.append(this.#canvas, this.area);
  }

  draw(scene: Scene<C>): void {
    const { width, height, curves, style } = scene;
    const box = plotBox(width, height, scene.y);
    const [right, bottom] = [box.left + box.width, box.top + box.height];
    const x = new Scale(scene.x, scene.x.log === true, { from: box.left, to: right });
    const axes = scene.y.map((axis) => {
      const own = curves.filter((curve) => curve.axis === axis.key);
      const range = axis.range ?? valueRange(own, scene.x, axis.log === true);
      const scale = new Scale(range, axis.log === true, { from: bottom, to: box.top });
      return { ...axis, scale };
    });
    const y = new Map(axes.map(({ key, scale }) => [key, scale]));
    this.#drawn = { scene, box, x, y };

    const context = beginDrawing(this.#canvas, width, height);
    drawAxes(context, box, width, { ...scene.x, scale: x }, axes, style);
    context.save();
    context.beginPath();
    context.rect(box.left, box.top - MARGIN, box.width, box.height + 2 * MARGIN);
    context.clip();
    for (const band of scene.bands ?? []) drawBand(context, band, x, box);
    for (const curve of curves) {
      const scale = y.get(curve.axis);
      if (scale !== undefined) drawCurve(context, curve, x, scale);
    }
    context.restore();
    for (const curve of curves) {
      const scale = y.get(curve.axis);
      if (scale !== undefined) drawBest(context, curve, style.background, x, scale);
    }
    for (const side of ["left", "top", "width", "height"] as const) {
      setStyle(this.area, side, `${box[side]}px`);
    }
    this.#drawMarks();
    this.read(this.#at);
  }

  /** Where a value of x stands in the area, in pixels; NaN before anything is drawn. */
  placeX(value: number): number {
    return this.#drawn === null ? NaN : this.#drawn.x.place(value) - this.#drawn.box.left;
  }

  /** The same for a value of a y-axis; NaN for what the axis does not have. */
  placeY(key: string, value: number): number {
    const scale = this.#drawn?.y.get(key);
    if (scale === undefined || !Number.isFinite(value) || (scale.log && value <= 0)) return NaN;
    return scale.place(value) - this.#drawn!.box.top;
  }

  /** The value of x at a pixel of the area; null before anything is drawn. */
  valueAt(pixel: number): number | null {
    return this.#drawn === null ? null : this.#drawn.x.valueAt(pixel + this.#drawn.box.left);
  }

  /** The value of the first y-axis at a pixel of the area; null before anything is drawn. */
  heightAt(pixel: number): number | null {
    const scale = this.#drawn?.y.values().next().value;
    return scale === undefined ? null : scale.valueAt(pixel + this.#drawn!.box.top);
  }

  /**
   * Put the cursor at a value of x, or take it away; the point of each curve there.
   *
   * The line stands at the nearest point of the curve that has most, which is read first.
   */
  read(value: number | null): Reading<C>[] {
    this.#at = value;
    const readings =
      this.#drawn === null || value === null ? [] : readingsAt(this.#drawn.scene.curves, value);
    const [main] = readings;
    this.#line.hidden = main === undefined;
    if (main === undefined) this.#dots.replaceChildren();
    else {
      setStyle(this.#line, "left", `${this.placeX(main.curve.points.x[main.index]!)}px`);
      this.#dots.replaceChildren(...readings.flatMap((reading) => this.#dot(reading)));
    }
    return readings;
  }

  /** Tell the value of x under the pointer, null when it leaves, until the lifetime ends. */
  hover(lifetime: AbortSignal, tell: (x: number | null) => void): void {
    const options = { signal: lifetime };
    const move = (event: PointerEvent) => {
      tell(this.valueAt(event.clientX - this.area.getBoundingClientRect().left));
    };
    this.area.addEventListener("pointermove", move, options);
    this.area.addEventListener("pointerdown", move, options);
    this.area.addEventListener("pointerleave", () => tell(null), options);
  }

  destroy(): void {
    this.#canvas.remove();
    this.area.remove();
    this.#root.classList.remove("dl-plot");
  }

  #dot({ curve, index }: Reading): HTMLElement[] {
    const x = this.placeX(curve.points.x[index]!);
    const y = this.placeY(curve.axis, shownValue(curve.points, index));
    const { width, height } = this.#drawn!.box;
    if (!(x >= 0 && x <= width && y >= -MARGIN && y <= height + MARGIN)) return [];
    const dot = part("dl-dot");
    dot.style.cssText = `left:${x}px;top:${y}px;background:${curve.look.color}`;
    return [dot];
  }

  #drawMarks(): void {
    const { scene, box, x } = this.#drawn!;
    const marks = (scene.marks ?? []).filter((mark) => {
      const at = x.place(mark.x);
      return at >= box.left - 0.5 && at <= box.left + box.width + 0.5;
    });
    const key = JSON.stringify([
      marks,
      box,
      scene.x,
      scene.y.map(({ key }) => this.placeY(key, 1)),
    ]);
    if (key === this.#marked) return;
    this.#marked = key;
    this.#marks.replaceChildren(...marks.map((mark) => this.#mark(mark)));
  }

  #mark({ name, x, label, color, dashed, at = "top", sign }: Mark): HTMLElement {
    const { scene, box } = this.#drawn!;
    const mark = part("dl-mark");
    const place = this.placeX(x);
    mark.dataset["mark"] = name;
    mark.style.cssText = `left:${place}px;border-left:1.5px ${dashed === true ? "dashed" : "solid"} ${color}`;
    const text = part("dl-mark-label");
    text.textContent = label;
    text.style.color = color;
    text.classList.toggle("dl-at-bottom", at === "bottom");
    // On the side where there is room for it.
    text.classList.toggle("dl-to-left", place > box.width - 140);
    mark.append(text);
    const level = sign == null ? NaN : this.placeY(scene.y[0]?.key ?? "", sign);
    if (!Number.isNaN(level)) {
      const diamond = part("dl-mark-sign");
      diamond.style.cssText = `top:${level}px;background:${color}`;
      mark.append(diamond);
    }
    return mark;
  }
}

function drawBand(
  context: CanvasRenderingContext2D,
  { low, high, label, color }: Band,
  x: Scale,
  { left, top, width, height }: Box,
): void {
  const from = Math.max(left, x.place(low));
  const wide = Math.min(left + width, x.place(high)) - from;
  if (!(wide > 0)) return;
  context.fillStyle = color;
  context.globalAlpha = BAND_ALPHA;
  context.fillRect(from, top, wide, height);
  context.globalAlpha = 1;
  context.textAlign = "center";
  context.textBaseline = "bottom";
  if (context.measureText(label).width < wide - 8) {
    context.fillText(label, from + wide / 2, top + height - 4);
  }
}

/** What each curve says at a value of x; first the one that has most points. */
export function readingsAt<C extends Curve>(curves: readonly C[], value: number): Reading<C>[] {
  const [main] = [...curves].sort((a, b) => b.points.x.length - a.points.x.length);
  const index = main === undefined ? -1 : nearest(main.points.x, value);
  if (main === undefined || index < 0) return [];
  const at = main.points.x[index]!;
  const rest = curves
    .filter((curve) => curve !== main)
    .map((curve) => ({ curve, index: placeOf(curve, at) }));
  return [{ curve: main, index }, ...rest.filter((reading) => reading.index >= 0)];
}

/** What is held until it changes is read from before. */
function placeOf({ points, heldUntil = null }: Curve, at: number): number {
  const index = nearest(points.x, at);
  return heldUntil !== null && index > 0 && points.x[index]! > at ? index - 1 : index;
}

/** The smallest and largest value of the curves in a range of x, rounded outwards. */
export function valueRange(
  curves: readonly { readonly points: CurvePoints }[],
  range: Range,
  log: boolean,
): Range {
  let low = Infinity;
  let high = -Infinity;
  for (const { points } of curves) {
    const { x, smooth } = points;
    for (let i = 0; i < x.length; i++) {
      // A stretch reaches to its neighbours, so those count where lines enter and leave.
      if ((x[i + 1] ?? Infinity) < range.low || (x[i - 1] ?? -Infinity) > range.high) continue;
      for (const value of [points.low[i]!, points.high[i]!, smooth?.[i] ?? NaN]) {
        if (!Number.isFinite(value) || (log && value <= 0)) continue;
        if (value < low) low = value;
        if (value > high) high = value;
      }
    }
  }
  if (low > high) return log ? { low: 0.1, high: 1 } : { low: 0, high: 1 };
  return roundRange(low, high, log);
}

function part(name: string): HTMLElement {
  const element = document.createElement("div");
  element.className = name;
  return element;
}

/** Only where it differs: a write dirties styles, a comparison does not. */
function setStyle(element: HTMLElement, name: "left" | "top" | "width" | "height", to: string) {
  if (element.style[name] !== to) element.style[name] = to;
}

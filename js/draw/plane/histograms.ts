/**
 * Histograms side by side over one axis of values: how a distribution changes from one to the next.
 *
 * They are as wide as the root of their counts, so that few among many are seen.
 */

import { type Box, type ChartStyle, drawAxes, plotBox, type YAxis } from "../axes.ts";
import { type Range, Scale } from "../scale.ts";
import { beginDrawing } from "../screen_canvas.ts";

export interface HistogramColumn {
  /** Beneath it. */
  readonly label: string;
  /** How many values lie in each of equal stretches of the axis, from its lower end. */
  readonly counts: ArrayLike<number>;
  readonly color: string;
}

export interface HistogramScene {
  readonly width: number;
  readonly height: number;
  /** Of the values; on a logarithmic axis the stretches are equal as drawn. */
  readonly y: Omit<YAxis, "key"> & { readonly range: Range };
  /** What the columns are. */
  readonly label: string;
  readonly columns: readonly HistogramColumn[];
  /** The place of the one that is read. */
  readonly chosen?: number | null;
  readonly style: ChartStyle;
}

/** Each takes so much of its column at its fullest stretch. */
const FULL = 0.86;

/** Draw them; return the box that the columns share equally. */
export function drawHistograms(canvas: HTMLCanvasElement, scene: HistogramScene): Box {
  const { width, height, columns, style, chosen = null } = scene;
  const axis = { ...scene.y, key: "value" };
  const box = plotBox(width, height, [axis]);
  const bottom = box.top + box.height;
  const scale = new Scale(axis.range, axis.log === true, { from: bottom, to: box.top });
  const context = beginDrawing(canvas, width, height);
  // Nothing is to be read across but which column it is.
  const across = { label: scene.label, low: 0, high: 0, scale };
  drawAxes(context, box, width, across, [{ ...axis, scale }], style);

  const wide = box.width / Math.max(1, columns.length);
  context.textAlign = "center";
  context.textBaseline = "top";
  columns.forEach(({ counts, color, label }, i) => {
    const middle = box.left + (i + 0.5) * wide;
    if (i === chosen) {
      context.fillStyle = style.line;
      context.globalAlpha = 0.5;
      context.fillRect(box.left + i * wide, box.top, wide, box.height);
      context.globalAlpha = 1;
    }
    context.fillStyle = color;
    const most = Math.sqrt(Math.max(1, ...Array.from(counts)));
    const high = box.height / Math.max(1, counts.length);
    for (let bin = 0; bin < counts.length; bin++) {
      const long = (Math.sqrt(counts[bin]!) / most) * wide * FULL;
      // What is there is seen, however little it is.
      if (counts[bin]! > 0) {
        const top = bottom - (bin + 1) * high;
        context.fillRect(middle - Math.max(1, long) / 2, top, Math.max(1, long), Math.max(1, high));
      }
    }
    context.fillStyle = style.text;
    context.fillText(label, middle, bottom + 4, wide);
  });
  return box;
}

/** The column under a pixel of the canvas; null beside them. */
export function columnAt(box: Box, count: number, pixel: number): number | null {
  const at = Math.floor(((pixel - box.left) / box.width) * count);
  return at >= 0 && at < count ? at : null;
}

/** The sparse matrix C beside the maps: a row for each output, a column for each input. */

import { beginDrawing } from "../../draw/screen_canvas.ts";
import { drawCells } from "../../draw/cells.ts";
import { h, listen, setText } from "../../shared/ui/dom.ts";
import { onEnd, react, track } from "../../shared/lifetime.ts";
import { lastSize } from "../../shared/ui/size.ts";
import type { Layer } from "./arithmetic/layer.ts";
import { type Block, matrix, MOST_ENTRIES } from "./arithmetic/matrix.ts";
import { cellText, palette, scaleOf, valueColor } from "./stage/cell_looks.ts";
import type { Context } from "./context.ts";
import { cellOf, touched } from "./stage/touch.ts";

const SIZE = { width: 320, height: 260 };
const LARGEST = 30;
/** The longer side of a cell, for its shorter one. */
const LONGEST = 3;
/** Entries that are computed for one pair of channels at most. */
const LIMIT = 1_100_000;

interface Shown extends Block {
  readonly layer: Layer;
  /** Its channels: all of them where they are few. */
  readonly outputs: readonly number[];
  readonly inputs: readonly number[];
}

export function matrixPanel(context: Context): HTMLElement {
  const { t, lifetime, picture, focus, hovered, pinned, looks, theme } = context;
  const { inChannel, outChannel } = context;
  const canvas = h("canvas");
  const title = h("span", { class: "dl-matrix-title" });
  const note = h("p", { class: "dl-matrix-note" });
  const surface = h("div", { class: "dl-matrix-cells" }, canvas);
  const element = h(
    "div",
    { class: "dl-matrix", role: "group", hidden: true },
    title,
    surface,
    note,
  );
  let shown: Shown | null = null;
  let cell = { width: 0, height: 0 };

  const compute = (): Shown | string => {
    const { layers, settings } = picture.peek();
    if (settings.kind === "max_pool") return t("convolution_explorer.matrix_not_linear");
    const layer = layers[focus.peek().layer]!;
    const size = layer.inPlane * layer.outPlane;
    const channels = (count: number) => Array.from({ length: count }, (_, channel) => channel);
    const all = size * settings.in_channels * settings.out_channels <= MOST_ENTRIES;
    const outputs = all ? channels(settings.out_channels) : [outChannel.peek()];
    const inputs = all ? channels(settings.in_channels) : [inChannel.peek()];
    if (size > LIMIT) {
      const params = { rows: layer.outPlane, columns: layer.inPlane };
      return t("convolution_explorer.matrix_large", params);
    }
    return { layer, outputs, inputs, ...matrix(layer, outputs, inputs) };
  };

  const measure = lastSize(surface, SIZE);
  const draw = () => {
    if (!looks.matrix_shown.shown.peek()) return;
    const { width, height } = measure();
    const drawing = beginDrawing(canvas, width, height);
    if (shown === null) return;
    // Cells need not be square: a matrix is often much wider than high.
    const [room, rise] = [width / shown.columns, height / shown.rows];
    const size = Math.min(LARGEST, room, rise * LONGEST);
    const tall = Math.min(LARGEST, rise, room * LONGEST);
    cell = { width: size, height: tall };
    const colors = palette(theme.peek());
    const { values, columns, rows } = shown;
    const scale = scaleOf(values.map((value) => (Number.isNaN(value) ? 0 : value)));
    const hot = lit(shown);
    const plane = { left: 0, top: 0, width: size, height: tall, rows, columns };
    const numbers = looks.numbers.shown.peek();
    const colored = looks.colors.shown.peek();
    drawCells(drawing, plane, colors.line, (row, column) => {
      const value = values[row * columns + column]!;
      const strong = hot(row, column);
      if (Number.isNaN(value)) return { fill: strong ? colors.edge : null };
      const look = colored ? valueColor(value, scale) : null;
      return {
        fill: look?.fill ?? (strong ? colors.weight.strong : colors.weight.fill),
        ...(strong ? { edge: colors.weight.edge } : {}),
        ...(numbers ? { text: cellText(value), textColor: look?.text ?? colors.text } : {}),
      };
    });
    drawing.strokeStyle = colors.muted;
    drawing.lineWidth = 1.5;
    drawing.strokeRect(0.75, 0.75, size * columns - 1.5, tall * rows - 1.5);
    const { inPlane, outPlane } = shown.layer;
    for (let block = 1; block < shown.inputs.length; block++) {
      drawing.strokeRect(block * inPlane * size - 0.5, 0, 1, tall * rows);
    }
    for (let block = 1; block < shown.outputs.length; block++) {
      drawing.strokeRect(0, block * outPlane * tall - 0.5, size * columns, 1);
    }
  };

  /** Which entries belong to the cell that is looked at. */
  const lit = ({ layer, outputs, inputs }: Shown) => {
    const target = focus.peek();
    const meets = touched(picture.peek(), target);
    const found = new Set<number>();
    const { y, x, inPlane, outPlane } = layer;
    const columns = inputs.length * inPlane;
    const to = outputs.indexOf(outChannel.peek());
    const from = inputs.indexOf(inChannel.peek());
    for (const [row, column] of [...meets.outputs.keys()].map(cellOf)) {
      const start = (to * outPlane + row * x.outputs + column) * columns;
      for (const down of y.window(row)) {
        for (const across of x.window(column)) {
          const [sy, sx] = [y.source(down.at), x.source(across.at)];
          if (sy === null || sx === null) continue;
          if (
            target.part === "weight" &&
            (down.kernel !== target.y || across.kernel !== target.x)
          ) {
            continue;
          }
          if (target.part === "input" && (sy !== y.source(target.y) || sx !== x.source(target.x))) {
            continue;
          }
          // An output is made of the inputs of all channels, a weight is one of a pair.
          const blocks = target.part === "output" ? inputs.map((_, block) => block) : [from];
          for (const block of blocks) found.add(start + block * inPlane + sy * x.size + sx);
        }
      }
    }
    return (row: number, column: number) => found.has(row * columns + column);
  };

  const noteText = ({ values, outputs, inputs }: Shown) => {
    const entries = values.reduce((sum, value) => sum + (Number.isNaN(value) ? 0 : 1), 0);
    const { settings } = picture.peek();
    const params = {
      entries,
      share: ((100 * entries) / Math.max(1, values.length)).toFixed(0),
      input: inputs[0] ?? 0,
      output: outputs[0] ?? 0,
    };
    const whole =
      outputs.length === settings.out_channels && inputs.length === settings.in_channels;
    return t(`convolution_explorer.${whole ? "matrix_note" : "matrix_block"}`, params);
  };
  react(lifetime, () => {
    track(picture, inChannel, outChannel, looks.matrix_shown.shown);
    const layer = focus.value.layer;
    element.hidden = !looks.matrix_shown.shown.value;
    if (element.hidden) return;
    const found = compute();
    shown = typeof found === "string" ? null : found;
    const { settings, layers } = picture.value;
    const symbol =
      settings.kind === "conv_transpose" ? "Cᵀ" : layers.length > 1 ? `C${layer + 1}` : "C";
    surface.hidden = shown === null;
    setText(
      title,
      shown === null
        ? symbol
        : t("convolution_explorer.matrix_of", { symbol, rows: shown.rows, columns: shown.columns }),
    );
    element.setAttribute("aria-label", title.textContent);
    setText(note, typeof found === "string" ? found : noteText(found));
    draw();
  });
  react(lifetime, () => {
    track(focus, theme, looks.numbers.shown, looks.colors.shown, outChannel, inChannel);
    draw();
  });
  const resized = new ResizeObserver(draw);
  resized.observe(surface);
  onEnd(lifetime, () => resized.disconnect());

  /** The output of the row under the pointer, in its channel. */
  const point = (event: PointerEvent | MouseEvent): boolean => {
    if (shown === null) return false;
    const { left, top } = canvas.getBoundingClientRect();
    const row = Math.floor((event.clientY - top) / cell.height);
    const column = Math.floor((event.clientX - left) / cell.width);
    if (row < 0 || row >= shown.rows || column < 0 || column >= shown.columns) return false;
    const { layer, outputs, inputs } = shown;
    const place = row % layer.outPlane;
    context.chooseChannel("output", outputs[Math.floor(row / layer.outPlane)]!);
    const input = inputs[Math.floor(column / layer.inPlane)]!;
    if (layer.inputsOf(outChannel.peek()).includes(input)) context.chooseChannel("input", input);
    hovered.value = {
      part: "output",
      layer: picture.peek().layers.indexOf(layer),
      y: Math.floor(place / layer.x.outputs),
      x: place % layer.x.outputs,
    };
    return true;
  };
  listen(surface, "pointermove", lifetime, (event) => {
    if (event.pointerType !== "touch" && !point(event)) hovered.value = null;
  });
  listen(surface, "pointerleave", lifetime, () => (hovered.value = null));
  listen(surface, "click", lifetime, (event) => {
    if (point(event)) pinned.value = hovered.peek();
  });
  return element;
}

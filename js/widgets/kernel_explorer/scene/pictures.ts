/** Input and output side by side, with the window on one and its pixel on the other. */

import { untracked } from "@preact/signals-core";

import { beginDrawing } from "../../../draw/screen_canvas.ts";
import { type Picture, PixelImage, type Sight, sightOf, valueColor } from "../../../draw/pixels.ts";
import { h, listen, setAttribute, setText } from "../../../shared/ui/dom.ts";
import { formatValue } from "../../../shared/format.ts";
import { onEnd, react } from "../../../shared/lifetime.ts";
import type { Context } from "../context.ts";
import { formatCell } from "../kernel/numbers.ts";
import { isScene, type Place, type Scene } from "./scene.ts";
import { inputPicture, outputPicture } from "./shown.ts";

/** What a host without layout is taken to have. */
const SIDE = 240;
/** Pixels this large on screen have their values written on them. */
const LEGIBLE = 27;
/** Side of a mark at least, so that it can be found. */
const FINDABLE = 9;
const MARK = "#d6257d";

/** The input, on which one can draw. */
export interface InputSurface {
  readonly frame: HTMLElement;
  /** Where in the image, in pixels of it, a pointer is. */
  readonly pixel: (event: MouseEvent) => Place;
  /** Where in the image the window of an output pixel has its middle. */
  readonly middle: (place: Place) => Place;
}

export function pictures(context: Context): {
  readonly element: HTMLElement;
  readonly input: InputSurface;
} {
  const { t, stage, session } = context;
  const input = picture(context, "input", { still: stillInput, marks: markInput });
  const output = picture(context, "output", { still: writeOutput, marks: markOutput });
  const misfit = h("p", { class: "dl-misfit", role: "status", hidden: true });
  output.frame.append(misfit);
  react(context.lifetime, () => {
    const found = stage.scene.value;
    const failure = found !== null && !isScene(found) ? found.misfit : null;
    setAttribute(misfit, "hidden", failure === null);
    if (failure !== null) setText(misfit, t(`kernel_explorer.${failure.key}`, failure.params));
    input.frame.toggleAttribute(
      "data-waiting",
      found === null && session.connection.value !== "gone",
    );
  });
  return {
    element: h("div", { class: "dl-pictures" }, input.element, output.element),
    input: { frame: input.frame, pixel: input.pixel, middle: input.middle },
  };
}

interface View {
  readonly scene: Scene;
  readonly sight: Sight;
  readonly side: number;
  readonly plane: number;
}

/** What stands still while the pointer moves, and the marks that follow it. */
interface Drawing {
  readonly still: (pen: CanvasRenderingContext2D, picture: Picture, view: View) => void;
  readonly marks: (pen: CanvasRenderingContext2D, view: View, place: Place) => void;
}

function picture(context: Context, kind: "input" | "output", drawing: Drawing) {
  const { t, tips, stage, settings, lifetime } = context;
  const canvas = h("canvas", { "aria-hidden": "true" });
  const marks = h("canvas", { "aria-hidden": "true" });
  const caption = h("span", { class: "dl-caption" });
  const frame = h(
    "div",
    {
      class: `dl-picture dl-${kind}`,
      role: "slider",
      tabindex: 0,
      "aria-label": t(`kernel_explorer.${kind}`),
      "aria-valuemin": 0,
      "aria-valuenow": 0,
    },
    canvas,
    marks,
  );
  const image = new PixelImage();
  let shown: View | null = null;
  /** What the picture was painted for, and the marks. */
  let painted = "";
  let marked = "";
  let side = SIDE;
  const paint = () => {
    const found = stage.scene.value;
    const plane = stage.plane.value;
    const zoom = stage.zoom.value;
    const display = settings.display.shown.value;
    const pinned = zoom === 1 ? null : stage.pinned.value;
    const key = [plane, zoom, side, pinned?.y, pinned?.x].join();
    if (isScene(found) && shown !== null && kind === "input") {
      // An edit of the kernel leaves the input as it is.
      const { padded, filter } = shown.scene;
      if (padded === found.padded && filter.stride === found.filter.stride && key === painted) {
        shown = { ...shown, scene: found };
        return;
      }
    }
    painted = "";
    const pen = beginDrawing(canvas, side, side);
    shown = null;
    if (found === null || (!isScene(found) && kind === "output")) {
      setText(caption, "");
      return;
    }
    if (!isScene(found)) {
      const only = inputPicture(found.image, 0);
      image.draw(pen, only, sightOf(only, side, 1, 0, 0));
      setText(caption, sizeText(found.image));
      return;
    }
    const drawn =
      kind === "input"
        ? inputPicture(found.padded, plane, found.range)
        : outputPicture(found, plane, display);
    const centre = pinned ?? { y: 0, x: 0 };
    const { y, x } =
      kind === "input" ? windowMiddle(found, centre) : { y: centre.y + 0.5, x: centre.x + 0.5 };
    shown = { scene: found, side, plane, sight: sightOf(drawn, side, zoom, y, x) };
    image.draw(pen, drawn, shown.sight);
    drawing.still(pen, drawn, shown);
    painted = key;
    setText(caption, sizeText(kind === "input" ? found.image : found.output));
  };
  const point = () => {
    const place = stage.place.value;
    const key = shown === null || place === null ? "" : marksKey(shown, place);
    if (key !== marked) {
      marked = key;
      const pen = beginDrawing(marks, side, side);
      if (shown !== null && place !== null) drawing.marks(pen, shown, place);
    }
    if (shown === null || place === null) return;
    const { output, geometry } = shown.scene;
    const value = output.values[outputIndex(shown.scene, shown.plane, place)] ?? NaN;
    setAttribute(frame, "aria-valuemax", geometry.rows * geometry.columns - 1);
    setAttribute(frame, "aria-valuenow", place.y * geometry.columns + place.x);
    setAttribute(
      frame,
      "aria-valuetext",
      t("kernel_explorer.pixel_value", { ...place, value: formatValue(value) }),
    );
  };
  react(lifetime, () => {
    paint();
    untracked(point);
  });
  react(lifetime, point);
  const observer = new ResizeObserver(() => {
    const now = frame.clientWidth || SIDE;
    if (now === side) return;
    side = now;
    paint();
    point();
  });
  observer.observe(frame);
  onEnd(lifetime, () => observer.disconnect());

  /** Where in the picture, in its pixels, a pointer is. */
  const locate = (event: MouseEvent): Place => {
    const box = canvas.getBoundingClientRect();
    const { left, top, scale } = shown?.sight ?? { left: 0, top: 0, scale: 1 };
    const pixel = (at: number, start: number) => start + (at * side) / (box.width || side) / scale;
    return { y: pixel(event.clientY - box.top, top), x: pixel(event.clientX - box.left, left) };
  };
  /** The output pixel under the pointer, or the one whose window has its middle nearest. */
  const under = (event: MouseEvent): Place | null => {
    if (shown === null) return null;
    const { scene } = shown;
    const { rows, columns, reach } = scene.geometry;
    const { y, x } = locate(event);
    const cell = (at: number, count: number) => {
      const found =
        kind === "input" ? Math.round((at - reach / 2) / scene.filter.stride) : Math.floor(at);
      return Math.max(0, Math.min(count - 1, found));
    };
    return { y: cell(y, rows), x: cell(x, columns) };
  };
  listen(frame, "pointermove", lifetime, (event) => {
    if (!frame.hasAttribute("data-drawing")) stage.hovered.value = under(event);
  });
  listen(frame, "pointerleave", lifetime, () => (stage.hovered.value = null));
  listen(frame, "click", lifetime, (event) => {
    if (!frame.hasAttribute("data-drawing"))
      stage.pinned.value = under(event) ?? stage.pinned.peek();
  });
  listen(frame, "keydown", lifetime, (event) => {
    const place = stage.place.peek();
    const found = stage.scene.peek();
    if (place === null || !isScene(found) || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = event.shiftKey ? 10 : 1;
    const moves: Record<string, readonly [number, number]> = {
      ArrowUp: [-step, 0],
      ArrowDown: [step, 0],
      ArrowLeft: [0, -step],
      ArrowRight: [0, step],
      PageUp: [-10, 0],
      PageDown: [10, 0],
      Home: [0, -place.x],
      End: [0, found.geometry.columns],
    };
    const move = moves[event.key];
    if (move === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    const { rows, columns } = found.geometry;
    const within = (at: number, count: number) => Math.max(0, Math.min(count - 1, at));
    stage.hovered.value = null;
    stage.pinned.value = {
      y: within(place.y + move[0], rows),
      x: within(place.x + move[1], columns),
    };
  });
  tips.describe(frame, t(`kernel_explorer.${kind}`), t(`kernel_explorer.tip_${kind}`));
  const head = h(
    "div",
    { class: "dl-picture-head" },
    h("h3", {}, t(`kernel_explorer.${kind}`)),
    caption,
  );
  const inImage = ({ y, x }: Place): Place => {
    const before = shown?.scene.geometry.before ?? 0;
    return { y: y - before, x: x - before };
  };
  return {
    frame,
    element: h("div", { class: "dl-picture-block" }, head, frame),
    pixel: (event: MouseEvent) => inImage(locate(event)),
    middle: (place: Place) => inImage(shown === null ? place : windowMiddle(shown.scene, place)),
  };
}

/** All that the marks depend on. */
function marksKey({ scene, sight, side }: View, { y, x }: Place): string {
  const { size, filter, geometry } = scene;
  const { left, top, scale } = sight;
  return [
    y,
    x,
    left,
    top,
    scale,
    side,
    size,
    filter.stride,
    filter.dilation,
    geometry.reach,
  ].join();
}

function sizeText({
  channels,
  height,
  width,
}: {
  channels: number;
  height: number;
  width: number;
}) {
  return channels === 1 ? `${height}×${width}` : `${channels}×${height}×${width}`;
}

function windowMiddle({ filter, geometry }: Scene, { y, x }: Place): Place {
  const middle = geometry.reach / 2;
  return { y: y * filter.stride + middle, x: x * filter.stride + middle };
}

export function outputIndex({ output, filter }: Scene, plane: number, { y, x }: Place): number {
  const shown = filter.channels === "each" ? plane : 0;
  return (shown * output.height + y) * output.width + x;
}

function stillInput(pen: CanvasRenderingContext2D, picture: Picture, view: View): void {
  const { scene, sight, plane } = view;
  const { padded } = scene;
  writeValues(pen, picture, view, padded.values, Math.min(plane, padded.channels - 1));
  shadeMargins(pen, scene, sight);
}

function markInput(pen: CanvasRenderingContext2D, view: View, place: Place): void {
  const { scene, sight, side } = view;
  const { geometry, filter, size } = scene;
  const cell = sight.scale;
  const x = (place.x * filter.stride - sight.left) * cell;
  const y = (place.y * filter.stride - sight.top) * cell;
  mark(pen, x, y, geometry.reach * cell, side);
  if (filter.dilation === 1 || cell * filter.dilation < 4) return;
  // The pixels that the kernel looks at, among those that it leaves out.
  pen.fillStyle = MARK;
  const dot = Math.max(1.5, Math.min(4, cell / 4));
  const middle = (n: number) => (n * filter.dilation + 0.5) * cell;
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      pen.beginPath();
      pen.arc(x + middle(column), y + middle(row), dot, 0, 2 * Math.PI);
      pen.fill();
    }
  }
}

function writeOutput(pen: CanvasRenderingContext2D, picture: Picture, view: View): void {
  const { output, filter } = view.scene;
  writeValues(pen, picture, view, output.values, filter.channels === "each" ? view.plane : 0);
}

function markOutput(pen: CanvasRenderingContext2D, { sight, side }: View, place: Place): void {
  const { left, top, scale } = sight;
  mark(pen, (place.x - left) * scale, (place.y - top) * scale, scale, side);
}

/** What was added around the image is told from it by stripes and a line. */
function shadeMargins(
  pen: CanvasRenderingContext2D,
  { padded, geometry }: Scene,
  sight: Sight,
): void {
  const { before, after } = geometry;
  if (before + after === 0) return;
  const { scale } = sight;
  const [left, top] = [-sight.left * scale, -sight.top * scale];
  const [wide, high] = [padded.width * scale, padded.height * scale];
  const inner = [
    ...[left + before * scale, top + before * scale],
    ...[wide - (before + after) * scale, high - (before + after) * scale],
  ] as const;
  pen.save();
  pen.beginPath();
  pen.rect(left, top, wide, high);
  pen.rect(...inner);
  pen.clip("evenodd");
  pen.fillStyle = "rgb(128 128 128 / 0.35)";
  pen.fillRect(left, top, wide, high);
  pen.restore();
  pen.setLineDash([3, 3]);
  pen.lineWidth = 1;
  pen.strokeStyle = "#fff";
  pen.strokeRect(...inner);
  pen.lineDashOffset = 3;
  pen.strokeStyle = "#000";
  pen.strokeRect(...inner);
  pen.setLineDash([]);
  pen.lineDashOffset = 0;
}

function mark(
  pen: CanvasRenderingContext2D,
  x: number,
  y: number,
  length: number,
  side: number,
): void {
  const grown = Math.max(0, FINDABLE - length) / 2;
  const [left, top, size] = [x - grown, y - grown, length + 2 * grown];
  for (const [width, color] of [
    [4, "#fff"],
    [2, MARK],
  ] as const) {
    pen.lineWidth = width;
    pen.strokeStyle = color;
    pen.strokeRect(left, top, size, size);
  }
  if (size > 16) return;
  // Lines from the borders lead to a mark that is small.
  pen.lineWidth = 1;
  pen.strokeStyle = MARK;
  pen.globalAlpha = 0.6;
  pen.beginPath();
  const [cx, cy] = [left + size / 2, top + size / 2];
  for (const [from, to] of [
    [0, left - 2],
    [left + size + 2, side],
  ] as const) {
    pen.moveTo(from, cy);
    pen.lineTo(to, cy);
  }
  for (const [from, to] of [
    [0, top - 2],
    [top + size + 2, side],
  ] as const) {
    pen.moveTo(cx, from);
    pen.lineTo(cx, to);
  }
  pen.stroke();
  pen.globalAlpha = 1;
}

/** Values on their pixels, where these are large enough. */
function writeValues(
  pen: CanvasRenderingContext2D,
  picture: Picture,
  { sight, side }: View,
  values: Float32Array,
  plane: number,
): void {
  const { scale, left, top } = sight;
  if (scale < LEGIBLE) return;
  const { height, width, planes } = picture;
  const font = Math.min(13, scale / 3);
  pen.font = `${font}px system-ui, sans-serif`;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  const room = Math.floor(scale / (0.56 * font)) - 1;
  const seen = (start: number, count: number) =>
    [Math.max(0, Math.floor(start)), Math.min(count, Math.ceil(start + side / scale))] as const;
  const [firstRow, endRow] = seen(top, height);
  const [firstColumn, endColumn] = seen(left, width);
  for (let y = firstRow; y < endRow; y++) {
    for (let x = firstColumn; x < endColumn; x++) {
      const i = y * width + x;
      const bright = planes.reduce((sum, each) => sum + each[i]!, 0) / planes.length;
      const value = values[plane * height * width + i]!;
      pen.fillStyle = valueColor(picture, bright).dark ? "#fff" : "#000";
      pen.fillText(formatCell(value, room), (x + 0.5 - left) * scale, (y + 0.5 - top) * scale);
    }
  }
}

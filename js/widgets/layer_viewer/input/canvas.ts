/** The input as an image: one draws on it, and sees what a unit or a class sees of it. */

import { largestOf, sharpen, ValuePainter } from "../../../draw/values.ts";
import { h, listen } from "../../../shared/ui/dom.ts";
import { onEnd, react, track } from "../../../shared/lifetime.ts";
import type { NamedArray } from "../../../shared/kernel/protocol.ts";
import type { Params } from "../../../shared/kernel/rpc.ts";
import { Drawing } from "./brush.ts";
import type { Context } from "../context.ts";
import type { Frame, Picture } from "../network.ts";

const SIDE = 168;

/** What the network is to look at, as a request. */
export interface Input {
  readonly kind: "input.draw" | "input.choose";
  readonly meta: Params;
  readonly arrays: Readonly<Record<string, NamedArray>>;
}

export interface InputCanvas {
  readonly element: HTMLElement;
  readonly clear: () => void;
  /** Show an image file. */
  readonly load: (file: File) => void;
}

export function inputCanvas(context: Context, choose: (input: Input) => void): InputCanvas {
  const { t, network, session, selection, sight, reading, lifetime } = context;
  const canvas = h("canvas", {
    class: "dl-canvas",
    role: "img",
    "aria-label": t("layer_viewer.input_drawn"),
  });
  const hint = h("span", { class: "dl-draw-hint", "aria-hidden": "true" }, t("layer_viewer.draw"));
  const element = h("div", { class: "dl-paper" }, canvas, hint);
  const painter = new ValuePainter();
  let drawing: Drawing | null = null;
  let drawn = false;

  const picture = () => network.peek()?.picture ?? null;
  const paper = (): Drawing | null => {
    const size = picture();
    if (size === null) return null;
    if (drawing?.height !== size.height || drawing.width !== size.width) {
      drawing = new Drawing(size.height, size.width);
    }
    return drawing;
  };
  const draw = (values: Uint8Array, shape: number[]) =>
    choose({ kind: "input.draw", meta: {}, arrays: { pixels: { shape, values } } });
  const send = () => {
    if (drawing === null) return;
    drawn = true;
    paint();
    draw(drawing.pixels.slice(), [drawing.height, drawing.width]);
  };

  const paint = () => {
    const frame = session.frame.peek();
    const size = picture();
    const target = sharpen(canvas, SIDE, SIDE);
    if (frame?.input == null) return;
    const box = inputBox(frame, size);
    const own = drawn && drawing !== null && frame.row !== null ? null : frame.input;
    if (own === null && drawing !== null) paintPixels(target, drawing.pixels, box);
    else paintInput(target, frame, size, box, painter);
    if (frame.attribution !== null) overlay(target, frame.attribution, box, painter);
    const field = selection.field.peek();
    if (field !== null && selection.place.peek() !== null) {
      if (sight.peek() === "effective" && field.effective !== null) {
        overlay(target, field.effective, box, painter);
      }
      outline(target, field.box, frame.input.shape, box, size);
    }
  };

  react(lifetime, () => {
    const frame = session.frame.value;
    // What was drawn has come back.
    if (frame?.row === null) drawn = false;
    else if (frame !== null && !drawn) drawing = null;
    track(selection.field, selection.place, sight, context.theme);
    hint.hidden = picture() === null || (frame?.row ?? null) === null || drawn;
    paint();
  });
  react(lifetime, () => {
    const drawable = (network.value?.picture ?? null) !== null;
    element.toggleAttribute("data-drawable", drawable);
  });

  let pressed = false;
  const place = (event: PointerEvent): readonly [number, number] => {
    const size = picture();
    const rect = canvas.getBoundingClientRect();
    const frame = session.frame.peek();
    if (size === null || frame === null) return [-1, -1];
    const [left, top, wide, tall] = inputBox(frame, size);
    const scale = SIDE / (rect.width || SIDE);
    const x = ((event.clientX - rect.left) * scale - left) / wide;
    const y = ((event.clientY - rect.top) * scale - top) / tall;
    return [x * size.width, y * size.height];
  };
  listen(canvas, "pointerdown", lifetime, (event) => {
    const sheet = paper();
    if (sheet === null || event.button > 2) return;
    event.preventDefault();
    canvas.setPointerCapture(event.pointerId);
    // The first stroke begins on an empty sheet.
    if (session.frame.peek()?.row !== null && !drawn) sheet.clear();
    pressed = true;
    hint.hidden = true;
    const [x, y] = place(event);
    sheet.begin(x, y, erases(event));
    send();
  });
  listen(canvas, "pointermove", lifetime, (event) => {
    read(event);
    if (!pressed || drawing === null) return;
    const steps = event.getCoalescedEvents();
    for (const step of steps.length > 0 ? steps : [event]) {
      const [x, y] = place(step);
      drawing.move(x, y, erases(event));
    }
    send();
  });
  const lift = () => {
    pressed = false;
    drawing?.end();
  };
  listen(canvas, "pointerup", lifetime, lift);
  listen(canvas, "pointercancel", lifetime, lift);
  listen(canvas, "contextmenu", lifetime, (event) => event.preventDefault());
  listen(canvas, "pointerleave", lifetime, () => (reading.value = ""));
  const resized = new ResizeObserver(paint);
  resized.observe(canvas);
  onEnd(lifetime, () => resized.disconnect());

  function read(event: PointerEvent): void {
    const input = session.frame.peek()?.input;
    const size = picture();
    if (input == null || size === null) return;
    const [x, y] = place(event).map(Math.floor) as [number, number];
    if (x < 0 || y < 0 || x >= size.width || y >= size.height) return;
    const value = input.values[y * size.width + x];
    if (value === undefined) return;
    reading.value = t("layer_viewer.read_input", { y, x, value: value.toFixed(3) });
  }

  return {
    element,
    clear: () => {
      const sheet = paper();
      if (sheet === null) return;
      sheet.clear();
      send();
    },
    load: (file) => {
      const sheet = paper();
      const size = picture();
      if (sheet === null || size === null) return;
      pixelsOf(file, size).then(
        (pixels) => draw(pixels, [size.height, size.width, 3]),
        () => context.warn(t("layer_viewer.not_an_image", { name: file.name })),
      );
    },
  };
}

function erases({ buttons, shiftKey }: PointerEvent): boolean {
  return shiftKey || (buttons & 2) !== 0;
}

/** An image file as pixels in the input's size, its middle where the shapes differ. */
async function pixelsOf(file: File, { height, width }: Picture): Promise<Uint8Array> {
  const canvas = h("canvas", { width, height });
  const target = canvas.getContext("2d");
  if (target === null) throw new Error("This browser has no 2-D canvas to draw on.");
  const bitmap = await createImageBitmap(file);
  try {
    const scale = Math.max(width / bitmap.width, height / bitmap.height);
    const [wide, tall] = [bitmap.width * scale, bitmap.height * scale];
    target.imageSmoothingQuality = "high";
    target.drawImage(bitmap, (width - wide) / 2, (height - tall) / 2, wide, tall);
  } finally {
    // It may hold a photograph's hundred megabytes, which no collection frees soon.
    bitmap.close();
  }
  const { data } = target.getImageData(0, 0, width, height);
  return Uint8Array.from(
    { length: height * width * 3 },
    (_, i) => data[4 * Math.floor(i / 3) + (i % 3)]!,
  );
}

type Box = readonly [left: number, top: number, width: number, height: number];

/** Where the input stands in the square. */
function inputBox(frame: Frame, picture: Picture | null): Box {
  const shape = frame.input?.shape ?? [1];
  const high = picture?.height ?? (shape.length > 1 ? (shape.at(-2) ?? 1) : shape[0]!);
  const wide = picture?.width ?? (shape.length > 1 ? (shape.at(-1) ?? 1) : 1);
  if (picture === null && shape.length < 3) return [0, 0, SIDE, SIDE];
  const scale = SIDE / Math.max(high, wide);
  const [width, height] = [wide * scale, high * scale];
  return [(SIDE - width) / 2, (SIDE - height) / 2, width, height];
}

function paintInput(
  target: CanvasRenderingContext2D,
  frame: Frame,
  picture: Picture | null,
  box: Box,
  painter: ValuePainter,
): void {
  const { shape, values } = frame.input!;
  if (!(values instanceof Float32Array)) return;
  if (picture === null) {
    const size = [
      shape.length > 1 ? shape.at(-2)! : values.length,
      shape.length > 1 ? shape.at(-1)! : 1,
    ];
    painter.paint(target, values, 0, size as [number, number], largestOf(values), box);
    return;
  }
  const { low, high, height, width, colours } = picture;
  const plane = height * width;
  const span = high - low || 1;
  const byte = (value: number) =>
    Math.max(0, Math.min(255, Math.round((255 * (value - low)) / span)));
  const packed = new Float32Array(plane).map((_, i) => i);
  painter.paint(target, packed, 0, [height, width], 1, box, (index) => {
    const red = byte(values[index]!);
    const green = colours === 3 ? byte(values[plane + index]!) : red;
    const blue = colours === 3 ? byte(values[2 * plane + index]!) : red;
    return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
  });
}

function paintPixels(
  target: CanvasRenderingContext2D,
  pixels: Uint8Array,
  [left, top, width, height]: Box,
): void {
  // At once, before the kernel has answered.
  const side = Math.round(Math.sqrt((pixels.length * width) / height));
  const [wide, tall] = [width / side, height / (pixels.length / side)];
  target.fillStyle = "#000";
  target.fillRect(left, top, width, height);
  pixels.forEach((value, i) => {
    if (value === 0) return;
    target.fillStyle = `rgb(${value},${value},${value})`;
    target.fillRect(
      left + (i % side) * wide,
      top + Math.floor(i / side) * tall,
      wide + 0.5,
      tall + 0.5,
    );
  });
}

/** Values laid over the input: nothing where they are small. */
function overlay(
  target: CanvasRenderingContext2D,
  { shape, values }: { readonly shape: readonly number[]; readonly values: ArrayLike<number> },
  box: Box,
  painter: ValuePainter,
): void {
  if (!(values instanceof Float32Array)) return;
  const plane = (shape.at(-1) ?? 1) * (shape.at(-2) ?? 1);
  const side = Math.round(Math.sqrt(values.length));
  const size: [number, number] =
    shape.length > 1
      ? [shape.at(-2)!, shape.at(-1)!]
      : side * side === values.length
        ? [side, side]
        : [values.length, 1];
  const start = shape.length > 2 ? Math.floor(shape[0]! / 2) * plane : 0;
  painter.paint(target, values, start, size, largestOf(values), box, heatColor);
}

/** Vermilion for what speaks for it, blue for what speaks against it, by their strength. */
function heatColor(value: number, largest: number): number {
  const share = largest > 0 ? Math.min(1, Math.abs(value) / largest) : 0;
  const alpha = Math.round(225 * share ** 0.7);
  const [red, green, blue] = value >= 0 ? [0xff, 0x7a, 0x1a] : [0x3a, 0xa8, 0xf0];
  return ((alpha << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

/** What the layers' sizes let a unit see. */
function outline(
  target: CanvasRenderingContext2D,
  spans: readonly (readonly [number, number])[],
  shape: readonly number[],
  [left, top, width, height]: Box,
  picture: Picture | null,
): void {
  if (spans.length === 0) return;
  const rows = spans.length > 1 ? spans.at(-2)! : ([0, 1] as const);
  const columns = spans.at(-1)!;
  const high = picture?.height ?? (spans.length > 1 ? shape.at(-2)! : 1);
  const wide = picture?.width ?? shape.at(-1)!;
  const x = left + (columns[0] / wide) * width;
  const y = top + (rows[0] / high) * height;
  const w = ((columns[1] - columns[0]) / wide) * width;
  const t = ((rows[1] - rows[0]) / high) * height;
  target.lineWidth = 4;
  target.strokeStyle = "rgb(0 0 0 / 0.6)";
  target.strokeRect(x, y, w, t);
  target.lineWidth = 2;
  target.strokeStyle = "#ffd43b";
  target.strokeRect(x, y, w, t);
}

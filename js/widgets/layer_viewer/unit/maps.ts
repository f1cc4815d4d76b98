/** What feeds the unit, with the window on it, and its own answers; the window can be moved. */

import { largestOf, sharpen, ValuePainter } from "../../../draw/values.ts";
import { h, listen, setAttribute, setText } from "../../../shared/ui/dom.ts";
import { icon } from "../../../shared/ui/icons.ts";
import { onEnd, react, within } from "../../../shared/lifetime.ts";
import type { NamedArray } from "../../../shared/kernel/protocol.ts";
import type { Context } from "../context.ts";
import type { Explained } from "./explained.ts";
import { truePlace } from "../rows/tile_layout.ts";

const SIDE = 124;
const STEP_MS = 160;

export function unitMaps(context: Context): HTMLElement {
  const { t, tips, selection, network, lifetime } = context;
  const { place, explained, source } = selection;
  const painter = new ValuePainter();
  const below = h("canvas", { role: "img" });
  const own = h("canvas", { role: "img" });
  const belowName = h("span", { class: "dl-label" });
  const ownName = h("span", { class: "dl-label" }, t("layer_viewer.its_activations"));
  const belowBox = h("figure", {}, below, h("figcaption", {}, belowName));
  const arrow = h("span", { class: "dl-arrow", "aria-hidden": "true" }, "→");
  const handle = h(
    "div",
    { class: "dl-place", role: "slider", tabindex: 0, "aria-label": t("layer_viewer.position") },
    own,
  );
  const play = h("button", { type: "button", class: "dl-button dl-slide" });
  const ownBox = h("figure", {}, handle, h("figcaption", {}, ownName));
  const previous = step(-1);
  const next = step(1);
  const bar = h("div", { class: "dl-slide-bar" }, play, previous, next);
  const element = h(
    "div",
    { class: "dl-maps" },
    h("div", { class: "dl-figures" }, belowBox, arrow, ownBox),
    bar,
  );

  let sliding: AbortController | null = null;
  const slide = (on: boolean) => {
    sliding?.abort();
    sliding = on ? within(lifetime) : null;
    play.replaceChildren(
      icon(on ? "pause" : "play"),
      t(on ? "layer_viewer.hold" : "layer_viewer.slide"),
    );
    if (sliding === null) return;
    const { signal } = sliding;
    // The next step follows the answer to the last one.
    const timer = setInterval(() => {
      const now = place.peek();
      if (now !== null && same(explained.peek()?.place.at, now.at)) move(1);
    }, STEP_MS);
    onEnd(signal, () => clearInterval(timer));
  };
  slide(false);
  listen(play, "click", lifetime, () => slide(sliding === null));
  tips.describe(play, t("layer_viewer.slide"), t("layer_viewer.tip_slide"));

  function move(by: number): void {
    const now = place.peek();
    const shape = now === null ? undefined : network.peek()?.layers[now.layer]?.shape;
    if (now === null || shape === undefined || now.at.length < 2) return;
    const sizes = shape.slice(1);
    const count = sizes.reduce((a, b) => a * b, 1);
    let flat = now.at.slice(1).reduce((sum, at, i) => sum * sizes[i]! + at, 0);
    flat = (((flat + by) % count) + count) % count;
    const at: number[] = [];
    for (const size of [...sizes].reverse()) {
      at.unshift(flat % size);
      flat = Math.floor(flat / size);
    }
    selection.choose({ layer: now.layer, at: [now.at[0]!, ...at] });
  }

  function step(by: number): HTMLButtonElement {
    const name = t(by < 0 ? "layer_viewer.previous_input" : "layer_viewer.next_input");
    const button = h(
      "button",
      { type: "button", class: "dl-icon-button dl-small", "aria-label": name },
      icon(by < 0 ? "left" : "right"),
    );
    listen(button, "click", lifetime, () => {
      const found = explained.peek();
      const units = found?.formula?.units ?? [];
      if (found?.source == null || units.length < 2) return;
      const index = units.indexOf(found.source) + by;
      source.value = units[(index + units.length) % units.length]!;
    });
    tips.describe(button, name, t("layer_viewer.tip_input"));
    return button;
  }

  react(lifetime, () => {
    const found = explained.value;
    const chosen = place.value;
    const spatial = (chosen?.at.length ?? 0) > 1;
    element.hidden = !spatial || found === null;
    if (found === null || chosen === null || !spatial) {
      if (sliding !== null) slide(false);
      return;
    }
    const several = (found.formula?.units.length ?? 0) > 1;
    previous.hidden = next.hidden = !several;
    belowBox.hidden = arrow.hidden = found.below === null;
    const layer = network.peek()?.layers[chosen.layer];
    const from = layer?.sources[0] ?? -1;
    const name = from < 0 ? t("layer_viewer.input") : (network.peek()?.layers[from]?.name ?? "");
    const text = t("layer_viewer.unit_title", { layer: name, unit: found.source ?? 0 });
    setText(belowName, text);
    setAttribute(below, "aria-label", text);
    setAttribute(own, "aria-label", t("layer_viewer.its_activations"));
    if (found.below !== null) paintBelow(below, painter, found);
    paintOwn(own, painter, found, layer?.shape ?? []);
    describe(handle, found, layer?.shape ?? []);
  });

  let pressed = false;
  const point = (event: PointerEvent) => {
    const now = place.peek();
    const shape = now === null ? undefined : network.peek()?.layers[now.layer]?.shape;
    const map = explained.peek()?.map;
    if (now === null || shape === undefined || map === undefined) return;
    const rect = own.getBoundingClientRect();
    const cell = (share: number, shown: number, size: number) =>
      truePlace(Math.max(0, Math.min(shown - 1, Math.floor(share * shown))), shown, size);
    const x = cell((event.clientX - rect.left) / rect.width, map.shape[1]!, shape.at(-1)!);
    const y = cell((event.clientY - rect.top) / rect.height, map.shape[0]!, shape.at(-2) ?? 1);
    const at = shape.length === 2 ? [now.at[0]!, x] : [...now.at.slice(0, -2), y, x];
    if (!same(at, now.at)) selection.choose({ layer: now.layer, at });
  };
  listen(handle, "pointerdown", lifetime, (event) => {
    pressed = true;
    slide(false);
    handle.setPointerCapture(event.pointerId);
    point(event);
  });
  listen(handle, "pointermove", lifetime, (event) => {
    if (pressed) point(event);
  });
  for (const type of ["pointerup", "pointercancel"] as const) {
    listen(handle, type, lifetime, () => (pressed = false));
  }
  listen(handle, "keydown", lifetime, (event) => {
    const shape = network.peek()?.layers[place.peek()?.layer ?? -1]?.shape ?? [];
    const wide = shape.length > 2 ? shape.at(-1)! : 1;
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -wide, ArrowDown: wide }[event.key];
    if (by === undefined) return;
    move(by);
    event.preventDefault();
    event.stopPropagation();
  });
  return element;
}

function fit([height = 1, width = 1]: readonly number[]): readonly [wide: number, tall: number] {
  const scale = SIDE / Math.max(height, width);
  return [Math.max(24, width * scale), Math.max(12, height * scale)];
}

function paintMap(
  canvas: HTMLCanvasElement,
  painter: ValuePainter,
  { shape, values }: NamedArray,
): { target: CanvasRenderingContext2D; wide: number; tall: number } {
  const [wide, tall] = fit(shape);
  canvas.style.width = `${wide}px`;
  canvas.style.height = `${tall}px`;
  const target = sharpen(canvas, wide, tall);
  if (values instanceof Float32Array) {
    const size: [number, number] = [shape[0] ?? 1, shape[1] ?? 1];
    painter.paint(target, values, 0, size, largestOf(values), [0, 0, wide, tall]);
  }
  return { target, wide, tall };
}

function paintBelow(canvas: HTMLCanvasElement, painter: ValuePainter, found: Explained): void {
  const { target, wide, tall } = paintMap(canvas, painter, found.below!);
  const formula = found.formula;
  const sizes = found.size?.slice(1) ?? [];
  if (sizes.length === 0) return;
  const position = found.place.at.slice(1);
  const same = formula?.start == null;
  const shape = formula?.window.shape ?? [];
  const count = sizes.length;
  // One for each dimension in sight: of volumes the last two.
  const spans = sizes.map((_, i) => {
    if (same) return [position[i] ?? 0, 1, 1] as const;
    return [formula.start[i]!, shape[shape.length - count + i]!, formula.step![i]!] as const;
  });
  const [y, high, stepY] = count > 1 ? spans.at(-2)! : ([0, 1, 1] as const);
  const [x, long, stepX] = spans.at(-1)!;
  const [scaleX, scaleY] = [wide / sizes.at(-1)!, tall / (count > 1 ? sizes.at(-2)! : 1)];
  target.lineWidth = 1;
  target.strokeStyle = "rgb(0 0 0 / 0.65)";
  if (stepX > 1 || stepY > 1) {
    for (let i = 0; i < high; i++) {
      for (let j = 0; j < long; j++) {
        target.strokeRect((x + j * stepX) * scaleX, (y + i * stepY) * scaleY, scaleX, scaleY);
      }
    }
  }
  const tallWindow = (stepY * (high - 1) + 1) * scaleY;
  const wideWindow = (stepX * (long - 1) + 1) * scaleX;
  frame(target, x * scaleX, y * scaleY, wideWindow, tallWindow);
}

function paintOwn(
  canvas: HTMLCanvasElement,
  painter: ValuePainter,
  found: Explained,
  shape: readonly number[],
): void {
  const { target, wide, tall } = paintMap(canvas, painter, found.map);
  const [scaleX, scaleY] = [wide / shape.at(-1)!, tall / (shape.length > 2 ? shape.at(-2)! : 1)];
  const x = found.place.at.at(-1)!;
  const y = shape.length > 2 ? found.place.at.at(-2)! : 0;
  frame(target, x * scaleX, y * scaleY, Math.max(3, scaleX), Math.max(3, scaleY));
}

function frame(
  target: CanvasRenderingContext2D,
  x: number,
  y: number,
  wide: number,
  tall: number,
): void {
  target.lineWidth = 4;
  target.strokeStyle = "rgb(0 0 0 / 0.65)";
  target.strokeRect(x, y, wide, tall);
  target.lineWidth = 2;
  target.strokeStyle = "#ffd43b";
  target.strokeRect(x, y, wide, tall);
}

function describe(handle: HTMLElement, { place }: Explained, shape: readonly number[]): void {
  const sizes = shape.slice(1);
  const flat = place.at.slice(1).reduce((sum, at, i) => sum * (sizes[i] ?? 1) + at, 0);
  setAttribute(handle, "aria-valuemin", 0);
  setAttribute(handle, "aria-valuemax", sizes.reduce((a, b) => a * b, 1) - 1);
  setAttribute(handle, "aria-valuenow", flat);
  setAttribute(handle, "aria-valuetext", place.at.slice(1).join(", "));
}

function same(one: readonly number[] | undefined, other: readonly number[]): boolean {
  return one?.join() === other.join();
}

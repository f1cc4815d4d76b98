/** Curves that follow what Python computed, with a cursor that pointer and keys move along them. */

import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals-core";

import { Chart, type Scene } from "../draw/chart.ts";
import { nearest } from "../draw/curves.ts";
import { h, listen, setAttribute, setText } from "../shared/ui/dom.ts";
import { onEnd, react } from "../shared/lifetime.ts";
import { followSize } from "../shared/ui/size.ts";
import type { ExplainerView } from "./view.ts";

/** What a host without layout is taken to have. */
const SIZE = { width: 800, height: 288 };
/** Points that Page Up and Page Down go along. */
const PAGE = 10;

export type ChartScene = Omit<Scene, "width" | "height" | "style">;

export interface ChartOptions {
  /** What the chart shows, for a screen reader. */
  readonly label: string;
  /** What there is to draw; it runs again when a signal that it reads changes. */
  readonly scene: () => ChartScene | null;
  /** Names and values at a point; `at` is null, as are the values, where nothing is read. */
  readonly readings: (at: number | null) => readonly Reading[];
  /** Where the keys begin: the place of a point on the curve that has most. */
  readonly start?: () => number;
  /** Called when a point is clicked, or Enter or the space bar pressed on it. */
  readonly choose?: (at: number) => void;
  /** Called on each place that the pointer is dragged to, from where it was pressed. */
  readonly drag?: (place: Dragged) => void;
  /** Called when the arrow keys ask for the point under the cursor to go up (1) or down (−1). */
  readonly lift?: (at: number, by: 1 | -1) => void;
  /** What the curves and signs are called, in the colours of the theme. */
  readonly legend?: () => readonly HTMLElement[];
  /** A sentence for screen readers: what the keys do. */
  readonly keys?: string;
  /** What a screen reader says of the point under the cursor; by default the readings. */
  readonly describe?: (at: number) => string;
  /** The same where there is nothing to read. */
  readonly nothing?: string;
  /** The cursor of another chart over the same points, where both are to read alike. */
  readonly cursor?: Signal<number | null>;
}

/** A place in the units of the axes, the first one's upwards, which may lie beyond their ends. */
export interface Dragged {
  readonly x: number;
  readonly y: number;
  readonly phase: "begin" | "move" | "end";
}

export type Reading = readonly [name: string, value: string | null];

export interface ChartPart {
  readonly element: HTMLElement;
  /** The point under the cursor, by its place on the curve that has most; null for none. */
  readonly cursor: ReadonlySignal<number | null>;
}

export function chart<Frame>(view: ExplainerView<Frame>, options: ChartOptions): ChartPart {
  const { lifetime, theme } = view;
  const root = h("div", { class: "dl-chart" });
  const drawn = new Chart(root);
  const size = followSize(root, SIZE, lifetime);
  const cursor = options.cursor ?? signal<number | null>(null);
  const scene = computed(options.scene);
  const places = computed(() => longest(scene.value));
  onEnd(lifetime, () => drawn.destroy());

  react(lifetime, () => {
    if (scene.value === null) return;
    const { text, muted, line, background } = theme.value;
    const font = `12px ${getComputedStyle(root).fontFamily || "sans-serif"}`;
    drawn.draw({
      ...scene.value,
      ...size.value,
      style: { font, text: muted || text, line, background },
    });
  });
  react(lifetime, () => {
    const at = cursor.value;
    drawn.read(scene.value === null || at === null ? null : (places.value[at] ?? null));
  });

  const start = () => (places.peek().length === 0 ? null : (options.start?.() ?? 0));
  drawn.hover(lifetime, (x) => {
    if (x !== null) cursor.value = nearestOnScreen(drawn, places.peek(), x);
    else if (drawn.area !== document.activeElement) cursor.value = null;
  });
  const { area } = drawn;
  if (options.drag !== undefined) followDrags(drawn, options.drag, lifetime);
  const choose = () => {
    const at = cursor.peek();
    if (at !== null) options.choose?.(at);
  };
  listen(area, "click", lifetime, choose);
  listen(area, "focus", lifetime, () => (cursor.value ??= start()));
  listen(area, "blur", lifetime, () => (cursor.value = null));
  listen(area, "keydown", lifetime, (event) => {
    const count = places.peek().length;
    if (count === 0) return;
    const up = event.key === "ArrowUp";
    if (options.choose !== undefined && (event.key === "Enter" || event.key === " ")) choose();
    else if (options.lift !== undefined && (up || event.key === "ArrowDown")) {
      options.lift(cursor.peek() ?? start() ?? 0, up ? 1 : -1);
    } else {
      const to = moved(event.key, cursor.peek() ?? start() ?? 0, count);
      if (to === null) return;
      cursor.value = to;
    }
    event.preventDefault();
    // JupyterLab has other plans for these keys.
    event.stopPropagation();
  });

  // A view may have several charts.
  const id = `${view.view}-keys-${Math.random().toString(36).slice(2, 8)}`;
  const keys = h("span", { id, hidden: true }, options.keys ?? "");
  setAttribute(area, "role", "slider");
  setAttribute(area, "aria-label", options.label);
  setAttribute(area, "aria-describedby", options.keys === undefined ? null : keys.id);
  react(lifetime, () => {
    const count = places.value.length;
    const at = Math.min(cursor.value ?? start() ?? 0, Math.max(0, count - 1));
    const say = options.describe ?? ((point) => options.readings(point).flat().join(" "));
    area.tabIndex = count > 0 ? 0 : -1;
    setAttribute(area, "aria-valuemin", 0);
    setAttribute(area, "aria-valuemax", Math.max(0, count - 1));
    setAttribute(area, "aria-valuenow", at);
    setAttribute(area, "aria-disabled", String(count === 0));
    setAttribute(area, "aria-valuetext", count === 0 ? (options.nothing ?? "–") : say(at));
  });
  const element = h("div", { class: "dl-chart-frame" }, above(view, options, cursor), root, keys);
  return { element, cursor };
}

/** A name with the piece of a line or the sign that it stands for. */
export function legendEntry(label: string, sign: SVGElement): HTMLElement {
  return h("span", { class: "dl-entry" }, sign, label);
}

/** The legend, and the numbers under the cursor. */
export function above<Frame>(
  { lifetime }: ExplainerView<Frame>,
  { readings, legend }: Pick<ChartOptions, "readings" | "legend">,
  cursor: ReadonlySignal<number | null>,
): HTMLElement {
  const entries = h("div", { class: "dl-entries" });
  react(lifetime, () => entries.replaceChildren(...(legend?.() ?? [])));
  const list = h("div", { class: "dl-readings", "aria-hidden": "true" });
  const values: HTMLElement[] = [];
  react(lifetime, () => {
    const shown = readings(cursor.value);
    while (values.length < shown.length) {
      const value = h("span", { class: "dl-reading-value" });
      const label = h("span", { class: "dl-label" });
      list.append(h("span", { class: "dl-reading" }, label, value));
      values.push(value);
    }
    values.forEach((value, i) => (value.parentElement!.hidden = i >= shown.length));
    shown.forEach(([name, text], i) => {
      setText(values[i]!.previousElementSibling!, name);
      setText(values[i]!, text ?? "–");
    });
  });
  return h("div", { class: "dl-legend" }, entries, list);
}

function followDrags(drawn: Chart, tell: (place: Dragged) => void, lifetime: AbortSignal): void {
  const { area } = drawn;
  area.dataset["drags"] = "";
  let held: number | null = null;
  const say = ({ clientX, clientY }: PointerEvent, phase: Dragged["phase"]) => {
    const { left, top } = area.getBoundingClientRect();
    const [x, y] = [drawn.valueAt(clientX - left), drawn.heightAt(clientY - top)];
    if (x !== null && y !== null) tell({ x, y, phase });
  };
  listen(area, "pointerdown", lifetime, (event) => {
    if (held !== null || event.button > 0) return;
    held = event.pointerId;
    area.setPointerCapture(held);
    say(event, "begin");
  });
  listen(area, "pointermove", lifetime, (event) => {
    if (event.pointerId === held) say(event, "move");
  });
  for (const type of ["pointerup", "pointercancel"] as const) {
    listen(area, type, lifetime, (event) => {
      if (event.pointerId !== held) return;
      held = null;
      say(event, "end");
    });
  }
}

function longest(scene: ChartScene | null): Float64Array {
  const curves = [...(scene?.curves ?? [])];
  const [main] = curves.sort((a, b) => b.points.x.length - a.points.x.length);
  return main?.points.x ?? new Float64Array();
}

/** The place of the point that stands nearest, on whatever scale. */
function nearestOnScreen(drawn: Chart, x: Float64Array, value: number): number | null {
  const near = nearest(x, value);
  if (near < 0) return null;
  const apart = (at: number) => Math.abs(drawn.placeX(x[at]!) - drawn.placeX(value));
  const candidates = [near, near - 1, near + 1].filter((at) => at >= 0 && at < x.length);
  return candidates.reduce((best, at) => (apart(at) < apart(best) ? at : best));
}

function moved(key: string, from: number, count: number): number | null {
  const steps: Readonly<Record<string, number>> = {
    ArrowLeft: -1,
    ArrowDown: -1,
    ArrowRight: 1,
    ArrowUp: 1,
    PageDown: -PAGE,
    PageUp: PAGE,
    Home: -count,
    End: count,
  };
  const step = steps[key];
  return step === undefined ? null : Math.max(0, Math.min(count - 1, from + step));
}

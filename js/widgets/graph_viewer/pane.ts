/** One graph on a canvas: where all is, what is in sight, and what hands and keys do there. */

import { computed, effect, signal } from "@preact/signals-core";

import {
  type Camera,
  type Window,
  fitted,
  held,
  kept,
  panned,
  reached,
  toDrawing,
  zoomed,
} from "../../draw/graph/camera.ts";
import { followHand } from "../../draw/graph/gestures.ts";
import { type Direction, Nested, type Placed } from "../../draw/graph/nested.ts";
import { itemAt, paint, type Picture } from "../../draw/graph/paint.ts";
import { SvgPen } from "../../draw/graph/pen.ts";
import { context2d } from "../../draw/heatmap.ts";
import { beginDrawing } from "../../draw/screen_canvas.ts";
import { onEnd, react, track } from "../../shared/lifetime.ts";
import { Throttle } from "../../shared/throttle.ts";
import { h, listen, setAttribute, setText } from "../../shared/ui/dom.ts";
import { followSize } from "../../shared/ui/size.ts";
import { asLine } from "./colours.ts";
import type { Context, PaneOf, Shown } from "./context.ts";
import type { Drawn } from "./drawn.ts";
import { followKeys } from "./keys.ts";
import { looksOf, sizeOf, headOf } from "./looks.ts";

const SIZE = { width: 560, height: 400 };
/** Zoom at which all is read; more is opened at first only while it stays above that. */
const READABLE = 0.72;
/** Zoom below which one sees a pattern, and reads nothing. */
const SMALL = 0.45;
/** Milliseconds after the last movement in which where one looks is told to the kernel. */
const TELL_MS = 400;
const WHEEL_HINT_MS = 1600;

/** @param index which of the graphs it shows. */
export function pane(context: Context, index: number): HTMLElement {
  const { t, lifetime, theme, tips } = context;
  const canvas = h("canvas", { "aria-hidden": "true" });
  const hint = h("div", { class: "dl-wheel-hint", hidden: true, "aria-hidden": "true" });
  const bubble = h("div", { class: "dl-hover", hidden: true, "aria-hidden": "true" });
  const area = h(
    "div",
    { class: "dl-canvas", tabindex: 0, role: "application", "aria-label": t("graph") },
    canvas,
    bubble,
    hint,
  );
  tips.describe(area, t("graph"), t("keys"));
  const size = followSize(area, SIZE, lifetime);
  // Known once it stands on the page.
  const family = signal("sans-serif");
  react(lifetime, () => {
    track(size, theme);
    family.value = getComputedStyle(area).fontFamily || "sans-serif";
  });
  const measured = measurer(() => family.value);

  const graph = computed(() => context.drawn.value[index] ?? null);
  const direction = signal<Direction>("down");
  const layouts = computed(() => {
    const drawn = graph.value;
    if (drawn === null) return null;
    const made = (towards: Direction) =>
      new Nested(drawn.groups, {
        direction: towards,
        size: (item) => sizeOf(context, drawn, item, measured),
        head: (group) => headOf(context, drawn, group, measured),
      });
    return { drawn, down: made("down"), right: made("right") };
  });
  // Left to right or top down by what fits, once for a graph: later nothing turns round by itself.
  let decidedFor: object | null = null;
  react(lifetime, () => {
    const wanted = context.direction.shown.value;
    const both = layouts.value;
    if (wanted !== "auto") {
      direction.value = wanted;
      decidedFor = null;
      return;
    }
    if (both === null || decidedFor === both) return;
    decidedFor = both;
    const open = context.opened.peek()[index] ?? new Set<number>();
    const room = size.peek();
    const zoom = (placed: Placed) => fitted(room, { x: 0, y: 0, ...sizeOfAll(placed) }).zoom;
    direction.value = zoom(both.right.place(open)) > zoom(both.down.place(open)) ? "right" : "down";
  });
  const shown = computed((): Shown | null => {
    const both = layouts.value;
    const open = context.opened.value[index];
    if (both === null || open === undefined) return null;
    return { drawn: both.drawn, placed: both[direction.value].place(open) };
  });

  // -- what is in sight

  const camera = signal<Camera | null>(null);
  /** Whether a hand has chosen what is in sight: else all is, whatever changes. */
  let own = false;
  let told = "";
  const tell = new Throttle(lifetime, TELL_MS);
  const whole = (placed: Placed) => ({ x: 0, y: 0, ...sizeOfAll(placed) });
  const fit = () => {
    const now = shown.peek();
    if (now === null) return;
    own = false;
    camera.value = fitted(size.peek(), whole(now.placed));
    say();
  };
  const look = (next: Camera) => {
    const now = shown.peek();
    if (now === null) return;
    own = true;
    camera.value = held(next, size.peek(), whole(now.placed));
    say();
  };
  const say = () => {
    tell.run(() => {
      const at = camera.peek();
      const mine =
        own && at !== null
          ? ([round(at.x), round(at.y), Number(at.zoom.toPrecision(4))] as const)
          : null;
      const all = [...context.camera.shown.peek()];
      while (all.length <= index) all.push(null);
      if (JSON.stringify(all[index]) === JSON.stringify(mine)) return;
      all[index] = mine;
      told = JSON.stringify(mine);
      context.camera.set(all);
    });
  };
  // Where another view, a reload or Python looks.
  react(lifetime, () => {
    const asked = context.camera.shown.value[index] ?? null;
    const text = JSON.stringify(asked);
    if (text === told) return;
    told = text;
    own = asked !== null;
    if (asked !== null) camera.value = { x: asked[0], y: asked[1], zoom: asked[2] };
    else if (shown.peek() !== null) {
      camera.value = fitted(size.peek(), whole(shown.peek()!.placed));
    }
  });
  let before: Shown | null = null;
  react(lifetime, () => {
    const now = shown.value;
    const room = size.value;
    const at = camera.peek();
    if (now === null) return;
    if (at === null || !own) camera.value = fitted(room, whole(now.placed));
    else if (before !== null && before.drawn === now.drawn && before !== now) {
      // What one has just opened or closed stays where it was.
      const item = anchorOf(context, now.drawn, before.placed, now.placed);
      if (item >= 0) {
        const corner = ({ x, y }: Placed) => [x[item]!, y[item]!] as const;
        camera.value = kept(at, corner(before.placed), corner(now.placed));
      }
    }
    before = now;
  });

  // -- painting

  const looks = computed(() => {
    const now = shown.value;
    return now === null ? [] : looksOf(context, index, now);
  });
  const marked = computed(() => {
    const now = shown.value;
    const item = now === null ? -1 : now.drawn.item(context.chosen.shown.value);
    return now === null || item < 0 || !now.drawn.isDrawn(item)
      ? new Map<number, ReadonlySet<number>>()
      : now.drawn.groups.touching(item);
  });
  const picture = computed((): Picture | null => {
    const now = shown.value;
    if (now === null) return null;
    const { text, muted, line, background, dark } = theme.value;
    const scale = context.scales.value[index] ?? null;
    const own = looks.value;
    const training = context.live.value[index] ?? null;
    const key = context.chosen.shown.value;
    const chosen = now.drawn.item(key);
    return {
      groups: now.drawn.groups,
      placed: now.placed,
      looks: own,
      style: {
        font: family.value,
        text,
        muted: muted || text,
        line: dark ? "#6b7278" : "#a9b0b6",
        background: background || line,
        surface: dark ? "#2b2f33" : "#fff",
        mark: dark ? "#4aa8ec" : "#0877bd",
        group: dark ? "rgba(255,255,255,0.045)" : "rgba(20,60,90,0.045)",
        gauge: dark ? "#9aa0a6" : "#6b7075",
        flag: dark ? "#ff9a92" : "#b71c1c",
      },
      strokes:
        scale === null || (scale.metric !== "activations" && scale.metric !== "gradients")
          ? null
          : (item) => {
              const fill = own[item]?.fill ?? null;
              return fill === null ? null : asLine(fill, dark);
            },
      chosen: chosen < 0 ? -1 : now.drawn.groups.shown(chosen, context.opened.value[index]!),
      marked: marked.value,
      dashes: training === null || scale === null ? null : training.step % 9,
    };
  });
  let frame = 0;
  let painted = 0;
  const draw = () => {
    frame = 0;
    const now = picture.peek();
    const at = camera.peek();
    if (now === null || at === null) return;
    const { width, height } = size.peek();
    const pen = beginDrawing(canvas, width, height);
    const ratio = globalThis.devicePixelRatio || 1;
    const zoom = at.zoom * ratio;
    pen.setTransform(
      zoom,
      0,
      0,
      zoom,
      (width / 2) * ratio - at.x * zoom,
      (height / 2) * ratio - at.y * zoom,
    );
    const [x, y] = toDrawing(at, size.peek(), 0, 0);
    paint(pen, now, { x, y, width: width / at.zoom, height: height / at.zoom }, at.zoom);
    setAttribute(area, "data-painted", ++painted);
    setAttribute(area, "data-zoom", at.zoom.toFixed(3));
  };
  const ask = effect(() => {
    // Whatever of these changes is painted with the next frame of the screen.
    track(picture, camera, size);
    if (frame === 0) frame = requestAnimationFrame(draw);
  });
  onEnd(lifetime, () => {
    ask();
    cancelAnimationFrame(frame);
  });
  react(lifetime, () => {
    const now = shown.value;
    setAttribute(area, "data-shown", now === null ? 0 : visible(now.placed));
    setAttribute(area, "data-direction", direction.value);
    setAttribute(area, "data-open", now === null ? 0 : now.placed.groups.length - 1);
  });

  // -- hands

  let hinting: ReturnType<typeof setTimeout> | undefined;
  onEnd(lifetime, () => clearTimeout(hinting));
  const at = (x: number, y: number): number => {
    const [now, from] = [picture.peek(), camera.peek()];
    if (now === null || from === null) return -1;
    return itemAt(now, ...toDrawing(from, size.peek(), x, y));
  };
  followHand(area, lifetime, {
    pan: (dx, dy) => {
      const from = camera.peek();
      if (from !== null) look(panned(from, dx, dy));
    },
    zoom: (factor, x, y) => {
      const from = camera.peek();
      if (from !== null) look(zoomed(from, size.peek(), factor, x, y));
    },
    click: (x, y) => {
      const drawn = graph.peek();
      const item = at(x, y);
      if (drawn === null) return;
      if (item < 0) {
        context.chosen.set(null);
        return;
      }
      // The first click chooses, another one on the same opens.
      const key = drawn.key(item);
      context.beside.value = index;
      if (context.chosen.shown.peek() === key && drawn.opens(item)) context.toggle(index, item);
      else context.chosen.set(key);
    },
    double: (x, y) => {
      const drawn = graph.peek();
      const item = at(x, y);
      if (drawn === null) return;
      if (item < 0) fit();
      else if (drawn.opens(item)) context.toggle(index, item);
    },
    hover: (x, y) => {
      const drawn = graph.peek();
      const item = x === null ? -1 : at(x, y);
      area.style.cursor = item >= 0 ? "pointer" : "";
      bubble.hidden = item < 0 || drawn === null;
      if (x === null || item < 0 || drawn === null) return;
      setText(bubble, context.nameOf(drawn, item));
      const { width, height } = size.peek();
      bubble.style.left = `${Math.max(4, Math.min(x + 14, width - 260))}px`;
      bubble.style.top = `${y > height - 60 ? y - 40 : y + 18}px`;
    },
    refused: () => {
      setText(hint, t("wheel_hint"));
      hint.hidden = false;
      clearTimeout(hinting);
      hinting = setTimeout(() => (hint.hidden = true), WHEEL_HINT_MS);
    },
    rest: say,
  });
  listen(area, "blur", lifetime, () => (bubble.hidden = true));
  const zoom = (factor: number) => {
    const [from, room] = [camera.peek(), size.peek()];
    if (from !== null) look(zoomed(from, room, factor, room.width / 2, room.height / 2));
  };
  followKeys(context, area, {
    index,
    shown: () => shown.peek(),
    zoom,
    pan: (dx, dy) => {
      const from = camera.peek();
      if (from !== null) look(panned(from, dx, dy));
    },
    fit,
  });

  const self: PaneOf = {
    fit,
    begin: () => {
      const now = shown.peek();
      if (now === null) return;
      const all = fitted(size.peek(), whole(now.placed));
      if (all.zoom >= SMALL) fit();
      else look(beginningOf({ ...all, zoom: READABLE }, size.peek(), now.placed));
    },
    zoom,
    focus: () => area.focus({ preventScroll: true }),
    reveal: (item) => {
      const [now, from] = [shown.peek(), camera.peek()];
      if (now === null || from === null || Number.isNaN(now.placed.x[item]!)) return;
      const { x, y, wide, tall } = now.placed;
      const box = { x: x[item]!, y: y[item]!, width: wide[item]!, height: tall[item]! };
      // Near enough to be read.
      const nearer = { ...from, zoom: Math.max(from.zoom, READABLE) };
      const next = reached(nearer, size.peek(), box);
      if (next.x !== from.x || next.y !== from.y || next.zoom !== from.zoom) look(next);
    },
    svg: () => {
      const now = picture.peek()!;
      const pen = new SvgPen(measured);
      paint(pen, now, { x: 0, y: 0, width: now.placed.width, height: now.placed.height }, 1);
      const title = t("picture", { name: graph.peek()?.info.name ?? "" });
      return pen.document(now.placed, { background: now.style.background, title });
    },
    png: async () => {
      const now = picture.peek()!;
      const { width, height } = now.placed;
      // As sharp as a browser can hold.
      const ratio = Math.min(2, 8192 / Math.max(width, height, 1));
      const copy = document.createElement("canvas");
      copy.width = Math.max(1, Math.round((width + 16) * ratio));
      copy.height = Math.max(1, Math.round((height + 16) * ratio));
      const pen = context2d(copy);
      pen.fillStyle = now.style.background;
      pen.fillRect(0, 0, copy.width, copy.height);
      pen.setTransform(ratio, 0, 0, ratio, 8 * ratio, 8 * ratio);
      paint(pen, now, { x: 0, y: 0, width, height }, Math.max(ratio, 0.3));
      return await new Promise<Blob>((resolve, reject) => {
        copy.toBlob((blob) => {
          if (blob === null) reject(new Error("The picture is too large for this browser."));
          else resolve(blob);
        });
      });
    },
  };
  context.panes[index] = self;
  return area;
}

/** What fits is opened at first, level by level. */
export function opensAtFirst(
  context: Context,
  drawn: Drawn,
  room: { readonly width: number; readonly height: number },
): ReadonlySet<number> {
  const measured = measurer(() => "sans-serif");
  const options = {
    size: (item: number) => sizeOf(context, drawn, item, measured),
    head: (group: number) => headOf(context, drawn, group, measured),
  };
  const both = (["right", "down"] as const).map(
    (direction) => new Nested(drawn.groups, { ...options, direction }),
  );
  let open: ReadonlySet<number> = new Set();
  for (;;) {
    const next = new Set(open);
    const visit = (group: number) => {
      for (const item of drawn.groups.inside(group).items) {
        if (!drawn.opens(item)) continue;
        if (open.has(item)) visit(item);
        else if (!drawn.group(item)!.closed) next.add(item);
      }
    };
    visit(drawn.root);
    if (next.size === open.size) return open;
    const fits = both.some(
      (layout) => fitted(room, { x: 0, y: 0, ...sizeOfAll(layout.place(next)) }).zoom >= READABLE,
    );
    if (!fits) return open;
    open = next;
  }
}

/** Where a graph begins: at its top, or on its left. */
function beginningOf(camera: Camera, window: Window, { direction }: Placed): Camera {
  return direction === "down"
    ? { ...camera, y: (window.height / 2 - 8) / camera.zoom }
    : { ...camera, x: (window.width / 2 - 8) / camera.zoom };
}

function sizeOfAll({ width, height }: Placed) {
  return { width, height };
}

function visible({ x }: Placed): number {
  let count = 0;
  for (const at of x) if (!Number.isNaN(at)) count++;
  return count - 1;
}

/** What keeps its place on the screen: the chosen item, or what it is drawn in. */
function anchorOf({ chosen }: Context, drawn: Drawn, before: Placed, after: Placed): number {
  let item = drawn.item(chosen.shown.peek());
  const seen = (one: number) => !Number.isNaN(before.x[one]!) && !Number.isNaN(after.x[one]!);
  while (item >= 0 && !seen(item)) item = drawn.groups.parent(item);
  return item === drawn.root ? -1 : item;
}

/** The widths of texts, each measured once. */
function measurer(family: () => string): (text: string, font: string) => number {
  const pen = context2d(document.createElement("canvas"));
  const widths = new Map<string, number>();
  return (text, font) => {
    const whole = /px \S/.test(font) ? font : `${font} ${family()}`;
    const key = `${whole}\n${text}`;
    let width = widths.get(key);
    if (width === undefined) {
      pen.font = whole;
      width = pen.measureText(text).width;
      widths.set(key, width);
    }
    return width;
  };
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

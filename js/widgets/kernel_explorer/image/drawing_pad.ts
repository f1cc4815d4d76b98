/** Drawing on the input: white on black, as handwritten digits are. */

import { signal, type ReadonlySignal } from "@preact/signals-core";

import { listen } from "../../../shared/ui/dom.ts";
import { makePlanes, type Planes } from "./planes.ts";

const SIDE = 28;
const RADIUS = 1.3;

export interface DrawingPad {
  readonly on: ReadonlySignal<boolean>;
  readonly begin: () => void;
  readonly clear: () => void;
  readonly end: () => void;
}

interface Point {
  readonly x: number;
  readonly y: number;
}

/**
 * @param surface shows the drawing with `margin()` pixels around it.
 * @param show gets each state of the drawing, `finished` each whole stroke.
 */
export function drawingPad(
  surface: HTMLElement,
  place: (event: PointerEvent) => Point,
  cursor: () => Point | null,
  show: (image: Planes | null) => void,
  finished: (image: Planes) => void,
  lifetime: AbortSignal,
): DrawingPad {
  const on = signal(false);
  let drawing = makePlanes(1, SIDE, SIDE);
  let last: Point | null = null;

  const stroke = (from: Point, to: Point) => {
    const values = drawing.values.slice();
    for (let y = 0; y < SIDE; y++) {
      for (let x = 0; x < SIDE; x++) {
        const apart = distance({ x: x + 0.5, y: y + 0.5 }, from, to);
        // Soft edges, a pixel wide.
        const ink = Math.max(0, Math.min(1, RADIUS + 0.5 - apart));
        const i = y * SIDE + x;
        if (ink > values[i]!) values[i] = Math.fround(Math.round(ink * 255) / 255);
      }
    }
    drawing = { ...drawing, values };
    show(drawing);
  };
  listen(surface, "pointerdown", lifetime, (event) => {
    if (!on.peek() || event.button !== 0) return;
    event.preventDefault();
    surface.focus({ preventScroll: true });
    surface.setPointerCapture(event.pointerId);
    last = place(event);
    stroke(last, last);
  });
  listen(surface, "pointermove", lifetime, (event) => {
    if (last === null) return;
    const between = event.getCoalescedEvents();
    for (const each of between.length > 0 ? between : [event]) {
      const to = place(each);
      stroke(last, to);
      last = to;
    }
  });
  const lift = () => {
    if (last !== null) finished(drawing);
    last = null;
  };
  listen(surface, "pointerup", lifetime, lift);
  listen(surface, "pointercancel", lifetime, lift);
  listen(surface, "keydown", lifetime, (event) => {
    const at = cursor();
    if (!on.peek() || at === null || (event.key !== " " && event.key !== "Enter")) return;
    event.preventDefault();
    event.stopPropagation();
    stroke(at, at);
    finished(drawing);
  });
  const clear = () => {
    drawing = makePlanes(1, SIDE, SIDE);
    show(drawing);
  };
  return {
    on,
    clear,
    begin: () => {
      on.value = true;
      surface.toggleAttribute("data-drawing", true);
      clear();
    },
    end: () => {
      if (!on.peek()) return;
      on.value = false;
      last = null;
      surface.toggleAttribute("data-drawing", false);
      show(null);
    },
  };
}

function distance(point: Point, from: Point, to: Point): number {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const length = dx * dx + dy * dy;
  const along = length === 0 ? 0 : ((point.x - from.x) * dx + (point.y - from.y) * dy) / length;
  const share = Math.max(0, Math.min(1, along));
  return Math.hypot(point.x - from.x - share * dx, point.y - from.y - share * dy);
}

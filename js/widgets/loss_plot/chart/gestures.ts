/** Drag to zoom, Shift-drag to move, wheel, double click; a finger moves, two fingers zoom. */

import { h, listen, setText } from "../../../shared/ui/dom.ts";
import { onEnd } from "../../../shared/lifetime.ts";
import type { Context } from "../context.ts";
import type { Navigation } from "./navigation.ts";

/** A shorter drag is a click. */
const DRAG_PX = 5;
const HINT_MS = 1600;

interface Finger {
  x: number;
}

export function followGestures(
  { t, lifetime }: Context,
  area: HTMLElement,
  navigation: Navigation,
  hover: (share: number | null) => void,
): void {
  const brush = h("div", { class: "dl-brush", hidden: true });
  const hint = h("div", { class: "dl-wheel-hint", hidden: true, "aria-hidden": "true" });
  area.append(brush, hint);
  const fingers = new Map<number, Finger>();
  let dragged: { from: number; x: number; pan: boolean } | null = null;
  let hinting: ReturnType<typeof setTimeout> | null = null;
  let box = { left: 0, width: 1 };

  const share = (x: number) => Math.max(0, Math.min((x - box.left) / (box.width || 1), 1));
  const measure = () => (box = area.getBoundingClientRect());
  const hideBrush = () => {
    brush.hidden = true;
    dragged = null;
  };

  listen(area, "pointerdown", lifetime, (event) => {
    measure();
    hideHint();
    if (event.pointerType === "touch") {
      fingers.set(event.pointerId, { x: event.clientX });
    } else if (event.button === 0 || event.button === 1) {
      const pan = event.shiftKey || event.button === 1;
      dragged = { from: share(event.clientX), x: event.clientX, pan };
      if (event.button === 1) event.preventDefault();
    } else return;
    area.setPointerCapture(event.pointerId);
    area.focus({ preventScroll: true });
  });
  listen(area, "pointermove", lifetime, (event) => {
    if (!fingers.has(event.pointerId) && dragged === null) measure();
    const finger = fingers.get(event.pointerId);
    if (finger !== undefined) moveFinger(finger, event.clientX);
    else if (dragged?.pan === true) {
      navigation.pan((dragged.x - event.clientX) / (box.width || 1));
      dragged.x = event.clientX;
    } else if (dragged !== null) {
      const to = share(event.clientX);
      brush.hidden = Math.abs(event.clientX - dragged.x) < DRAG_PX;
      brush.style.left = `${100 * Math.min(dragged.from, to)}%`;
      brush.style.width = `${100 * Math.abs(to - dragged.from)}%`;
    }
    hover(share(event.clientX));
  });
  listen(area, "pointerup", lifetime, (event) => {
    fingers.delete(event.pointerId);
    if (dragged !== null && !dragged.pan && !brush.hidden) {
      navigation.select(dragged.from, share(event.clientX));
    }
    hideBrush();
  });
  listen(area, "pointercancel", lifetime, (event) => {
    fingers.delete(event.pointerId);
    hideBrush();
  });
  listen(area, "pointerleave", lifetime, (event) => {
    if (event.pointerType !== "touch" && dragged === null) hover(null);
    hideHint();
  });
  listen(area, "keydown", lifetime, (event) => {
    if (event.key === "Escape") hideBrush();
  });
  listen(area, "dblclick", lifetime, () => navigation.all());
  listen(
    area,
    "wheel",
    lifetime,
    (event) => {
      // A page that one scrolls through must not get stuck on a plot: it takes the wheel when
      // it was clicked before, or with a key held.
      const meant = event.ctrlKey || event.metaKey || event.shiftKey || focused(area);
      if (!meant) {
        if (event.deltaY !== 0) showHint();
        return;
      }
      measure();
      const unit = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 100 : 1;
      const sideways = event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY);
      const delta = (sideways && event.deltaX !== 0 ? event.deltaX : event.deltaY) * unit;
      const moved = sideways
        ? navigation.pan(delta / 400)
        : navigation.zoom(
            Math.exp(Math.max(-200, Math.min(delta, 200)) / 250),
            share(event.clientX),
          );
      // With nothing left to do the page scrolls on.
      if (moved || event.ctrlKey) event.preventDefault();
      if (moved) hover(share(event.clientX));
    },
    { passive: false },
  );
  onEnd(lifetime, hideHint);

  function moveFinger(finger: Finger, x: number): void {
    const width = box.width || 1;
    const other = [...fingers.values()].find((one) => one !== finger);
    if (other === undefined) {
      navigation.pan((finger.x - x) / width);
    } else {
      const before = Math.abs(finger.x - other.x);
      const after = Math.abs(x - other.x);
      const middle = share((x + other.x) / 2);
      if (before > 10 && after > 10) navigation.zoom(before / after, middle);
      navigation.pan((finger.x - x) / 2 / width);
    }
    finger.x = x;
  }

  function showHint(): void {
    setText(hint, t("loss_plot.wheel_hint"));
    hint.hidden = false;
    if (hinting !== null) clearTimeout(hinting);
    hinting = setTimeout(hideHint, HINT_MS);
  }

  function hideHint(): void {
    if (hinting !== null) clearTimeout(hinting);
    hinting = null;
    hint.hidden = true;
  }
}

function focused(area: HTMLElement): boolean {
  return area.ownerDocument.activeElement === area;
}

/**
 * Move a drawing by hand: drag, two fingers, the wheel.
 *
 * A page that one scrolls through must not get stuck on a drawing: the wheel is taken when the
 * drawing was clicked before, or with a key held; a single finger scrolls the page until then, too.
 */

/** What a hand does, in pixels of the element. */
export interface Hand {
  readonly pan: (dx: number, dy: number) => void;
  readonly zoom: (factor: number, x: number, y: number) => void;
  readonly click: (x: number, y: number, event: PointerEvent) => void;
  readonly double: (x: number, y: number) => void;
  /** Null where the pointer has left. */
  readonly hover: (x: number | null, y: number) => void;
  /** The wheel turned where it is not taken. */
  readonly refused: () => void;
  /** All fingers and buttons are up again. */
  readonly rest: () => void;
}

/** A shorter drag is a click. */
const DRAG_PX = 5;
/** In so many milliseconds another click is the second of two. */
const DOUBLE_MS = 350;

interface Finger {
  x: number;
  y: number;
}

export function followHand(element: HTMLElement, lifetime: AbortSignal, hand: Hand): void {
  const fingers = new Map<number, Finger>();
  let begun: Finger | null = null;
  let dragging = false;
  let last = { time: -Infinity, x: 0, y: 0 };
  const focused = () => element === document.activeElement;
  const place = (event: MouseEvent): Finger => {
    const { left, top } = element.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  };
  const on = <K extends keyof HTMLElementEventMap>(
    type: K,
    handle: (event: HTMLElementEventMap[K]) => void,
    options: AddEventListenerOptions = {},
  ) => element.addEventListener(type, handle, { ...options, signal: lifetime });

  on("pointerdown", (event) => {
    if (event.pointerType !== "touch" && event.button > 1) return;
    if (event.button === 1) event.preventDefault();
    element.focus({ preventScroll: true });
    element.setPointerCapture(event.pointerId);
    const at = place(event);
    fingers.set(event.pointerId, at);
    dragging = fingers.size > 1;
    if (fingers.size === 1) begun = { ...at };
  });
  on("pointermove", (event) => {
    const at = place(event);
    const finger = fingers.get(event.pointerId);
    if (finger === undefined) {
      hand.hover(at.x, at.y);
      return;
    }
    const far = begun !== null && Math.hypot(at.x - begun.x, at.y - begun.y) >= DRAG_PX;
    dragging ||= far;
    if (!dragging) return;
    const other = [...fingers.values()].find((one) => one !== finger);
    if (other === undefined) hand.pan(at.x - finger.x, at.y - finger.y);
    else {
      const before = Math.hypot(finger.x - other.x, finger.y - other.y);
      const after = Math.hypot(at.x - other.x, at.y - other.y);
      hand.pan((at.x - finger.x) / 2, (at.y - finger.y) / 2);
      if (before > 10 && after > 10) {
        hand.zoom(after / before, (at.x + other.x) / 2, (at.y + other.y) / 2);
      }
    }
    [finger.x, finger.y] = [at.x, at.y];
  });
  const lifted = (event: PointerEvent) => {
    const was = fingers.delete(event.pointerId);
    if (fingers.size > 0 || !was) return;
    const clicked = event.type === "pointerup" && !dragging;
    begun = null;
    dragging = false;
    if (clicked) {
      const { x, y } = place(event);
      const again =
        event.timeStamp - last.time < DOUBLE_MS && Math.hypot(x - last.x, y - last.y) < DRAG_PX;
      last = { time: again ? -Infinity : event.timeStamp, x, y };
      if (again) hand.double(x, y);
      else hand.click(x, y, event);
    }
    hand.rest();
  };
  on("pointerup", lifted);
  on("pointercancel", lifted);
  on("pointerleave", () => {
    if (fingers.size === 0) hand.hover(null, 0);
  });
  on(
    "wheel",
    (event) => {
      if (!(event.ctrlKey || event.metaKey || event.shiftKey || focused())) {
        if (event.deltaY !== 0) hand.refused();
        return;
      }
      event.preventDefault();
      const unit = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 100 : 1;
      const { x, y } = place(event);
      if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
        const sideways = event.deltaX === 0 ? event.deltaY : event.deltaX;
        hand.pan(-sideways * unit, 0);
      } else {
        const turn = Math.max(-200, Math.min(event.deltaY * unit, 200));
        hand.zoom(Math.exp(-turn / 250), x, y);
      }
      hand.rest();
    },
    { passive: false },
  );
}

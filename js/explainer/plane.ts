/** A plane that follows what Python computed: read under pointer and keys, clicked, points dragged. */

import { type ReadonlySignal, type Signal, signal } from "@preact/signals-core";

import { type Ground, type Over, Plane } from "../draw/plane/plane.ts";
import { h, listen, setAttribute, setText } from "../shared/ui/dom.ts";
import { formatValue } from "../shared/format.ts";
import { onEnd, react } from "../shared/lifetime.ts";
import { followSize } from "../shared/ui/size.ts";
import type { ExplainerView } from "./view.ts";

/** What a host without layout is taken to have. */
const SIZE = { width: 480, height: 360 };
/** Of the plane's width and height that an arrow key goes, and with Shift. */
const STEP = 1 / 40;
const FINE = 1 / 400;

export type PlaneGround = Omit<Ground, "width" | "height" | "style">;
export type Place = readonly [x: number, y: number];

/** A point that is dragged, or moved by the arrow keys. */
export interface Handle {
  readonly name: string;
  readonly x: number;
  readonly y: number;
  /** Beside it. */
  readonly label: string;
  /** Its name and place, for a screen reader. */
  readonly spoken: string;
}

export interface PlaneOptions {
  /** What the plane shows, for a screen reader. */
  readonly label: string;
  /** What lies below; it is drawn again when a signal that it reads changes, as is `over`. */
  readonly ground: () => PlaneGround | null;
  readonly over: () => Over;
  readonly handles?: () => readonly Handle[];
  /** Called on each place that a handle is moved to; `done` when it is let go. */
  readonly moved?: (name: string, place: Place, done: boolean) => void;
  /** Called when a place is clicked, or Enter or the space bar pressed on it. */
  readonly choose?: (place: Place) => void;
  /** What a screen reader says of a place; needed with `choose`. */
  readonly describe?: (place: Place) => string;
  /** A sentence for screen readers: what the keys do. */
  readonly keys: string;
}

export interface PlanePart {
  readonly element: HTMLElement;
  /** Under the pointer, or where the keys have gone; null for none. */
  readonly place: ReadonlySignal<Place | null>;
}

export function plane<Frame>(view: ExplainerView<Frame>, options: PlaneOptions): PlanePart {
  const { lifetime, theme } = view;
  const root = h("div");
  const drawn = new Plane(root);
  const size = followSize(root, SIZE, lifetime);
  const place = signal<Place | null>(null);
  /** How often the ground was drawn: with it all that lies over it is placed anew. */
  const grounds = signal(0);
  const keys = h("span", { id: `${view.view}-plane-keys`, hidden: true }, options.keys);
  setAttribute(drawn.area, "role", "group");
  setAttribute(drawn.area, "aria-label", options.label);
  drawn.area.append(reader(view, drawn, options, place, keys.id));
  const handles = new Handles(drawn, options, lifetime, keys.id);
  onEnd(lifetime, () => drawn.destroy());

  react(lifetime, () => {
    const ground = options.ground();
    if (ground === null) return;
    const { text, muted, line, background } = theme.value;
    const font = `12px ${getComputedStyle(root).fontFamily || "sans-serif"}`;
    drawn.drawGround({
      ...ground,
      ...size.value,
      style: { font, text: muted || text, line, background },
    });
    grounds.value = grounds.peek() + 1;
  });
  react(lifetime, () => {
    if (grounds.value > 0) drawn.drawOver(options.over());
  });
  react(lifetime, () => {
    if (grounds.value > 0) handles.show(options.handles?.() ?? []);
  });
  return { element: h("div", { class: "dl-plane-frame" }, root, keys), place };
}

/** What is under the handles: it tells the place under the pointer and the one that keys move. */
function reader<Frame>(
  { lifetime }: ExplainerView<Frame>,
  drawn: Plane,
  { choose, describe, label }: PlaneOptions,
  place: Signal<Place | null>,
  keys: string,
): HTMLElement {
  const cross = h("div", { class: "dl-cross", hidden: true });
  const element = h("div", { class: "dl-place" }, cross);
  const under = ({ clientX, clientY }: MouseEvent) => {
    const { left, top } = element.getBoundingClientRect();
    return drawn.valueAt(clientX - left, clientY - top);
  };
  const focused = () => element === document.activeElement;
  listen(element, "pointermove", lifetime, (event) => (place.value = under(event)));
  listen(element, "pointerleave", lifetime, () => {
    if (!focused()) place.value = null;
  });
  if (choose === undefined) return element;
  element.tabIndex = 0;
  // Two numbers at once, which no other role has.
  setAttribute(element, "role", "application");
  setAttribute(element, "aria-label", label);
  setAttribute(element, "aria-describedby", keys);
  const spoken = h("span", { class: "dl-spoken", "aria-live": "polite" });
  element.append(spoken);
  listen(element, "click", lifetime, (event) => {
    const at = under(event);
    if (at !== null) choose(at);
  });
  listen(element, "focus", lifetime, () => (place.value ??= middle(drawn)));
  listen(element, "blur", lifetime, () => (place.value = null));
  listen(element, "keydown", lifetime, (event) => {
    const from = place.peek() ?? middle(drawn);
    if (from === null) return;
    if (event.key === "Enter" || event.key === " ") choose(from);
    else {
      const to = stepped(drawn, from, event);
      if (to === null) return;
      place.value = to;
    }
    keep(event);
  });
  react(lifetime, () => {
    const at = place.value;
    cross.hidden = at === null || !focused();
    if (at === null) return;
    const [left, top] = drawn.place(...at);
    cross.style.left = `${left}px`;
    cross.style.top = `${top}px`;
    if (focused()) setText(spoken, describe?.(at) ?? at.map(formatValue).join(", "));
  });
  return element;
}

/** The points to drag, kept by their names: one that is dragged stays the same element. */
class Handles {
  readonly #shown = new Map<string, HTMLButtonElement>();
  readonly #drawn: Plane;
  readonly #moved: NonNullable<PlaneOptions["moved"]>;
  readonly #lifetime: AbortSignal;
  readonly #keys: string;

  constructor(drawn: Plane, { moved }: PlaneOptions, lifetime: AbortSignal, keys: string) {
    this.#drawn = drawn;
    this.#moved = moved ?? (() => undefined);
    this.#lifetime = lifetime;
    this.#keys = keys;
  }

  show(handles: readonly Handle[]): void {
    const names = new Set(handles.map(({ name }) => name));
    for (const [name, element] of this.#shown) {
      if (names.has(name)) continue;
      element.remove();
      this.#shown.delete(name);
    }
    for (const { name, x, y, label, spoken } of handles) {
      const element = this.#shown.get(name) ?? this.#made(name);
      const [left, top] = this.#drawn.place(x, y);
      element.style.left = `${left}px`;
      element.style.top = `${top}px`;
      element.dataset["x"] = String(x);
      element.dataset["y"] = String(y);
      setAttribute(element, "aria-label", spoken);
      const text = element.firstElementChild!;
      setText(text, label);
      text.classList.toggle("dl-to-left", left > this.#drawn.area.clientWidth - 80);
    }
  }

  #made(name: string): HTMLButtonElement {
    const label = h("span", { class: "dl-drag-label", "aria-hidden": "true" });
    const element = h("button", { type: "button", class: "dl-drag" }, label);
    element.dataset["handle"] = name;
    setAttribute(element, "aria-describedby", this.#keys);
    const lifetime = this.#lifetime;
    const tell = ({ clientX, clientY }: PointerEvent, done: boolean) => {
      const { left, top } = this.#drawn.area.getBoundingClientRect();
      const to = this.#drawn.valueAt(clientX - left, clientY - top);
      if (to !== null) this.#moved(name, to, done);
    };
    let held: number | null = null;
    listen(element, "pointerdown", lifetime, (event) => {
      held = event.pointerId;
      element.setPointerCapture(held);
    });
    listen(element, "pointermove", lifetime, (event) => {
      if (event.pointerId === held) tell(event, false);
    });
    const release = (event: PointerEvent) => {
      if (event.pointerId !== held) return;
      held = null;
      tell(event, true);
    };
    listen(element, "pointerup", lifetime, release);
    listen(element, "pointercancel", lifetime, () => (held = null));
    listen(element, "keydown", lifetime, (event) => {
      const from = [Number(element.dataset["x"]), Number(element.dataset["y"])] as const;
      const to = stepped(this.#drawn, from, event);
      if (to === null) return;
      this.#moved(name, to, true);
      keep(event);
    });
    this.#drawn.area.append(element);
    this.#shown.set(name, element);
    return element;
  }
}

function middle(drawn: Plane): Place | null {
  const { clientWidth, clientHeight } = drawn.area;
  return drawn.valueAt(clientWidth / 2, clientHeight / 2);
}

/** Where an arrow key leads, within the plane; null for other keys. */
function stepped(drawn: Plane, from: Place, { key, shiftKey }: KeyboardEvent): Place | null {
  const direction = ARROWS[key];
  if (direction === undefined) return null;
  const [width, height] = drawn.span();
  const share = shiftKey ? FINE : STEP;
  const [left, top] = drawn.place(
    from[0] + direction[0] * share * width,
    from[1] + direction[1] * share * height,
  );
  return drawn.valueAt(left, top);
}

const ARROWS: Readonly<Record<string, Place>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowDown: [0, -1],
  ArrowUp: [0, 1],
};

/** JupyterLab has other plans for these keys. */
function keep(event: KeyboardEvent): void {
  event.preventDefault();
  event.stopPropagation();
}

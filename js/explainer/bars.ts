/** Bars beside one another, up and down from zero; where one may, they are dragged, or moved by keys. */

import { computed, type ReadonlySignal } from "@preact/signals-core";

import type { Range } from "../draw/scale.ts";
import { formatValue } from "../shared/format.ts";
import { onEnd, react, within } from "../shared/lifetime.ts";
import { h, listen, setAttribute, setText } from "../shared/ui/dom.ts";
import type { ExplainerView } from "./view.ts";

export interface Bar {
  /** What it is called, beneath it. */
  readonly label: string;
  readonly value: number;
  /** The value as it is read; by default four digits. */
  readonly text?: string;
  /** By default blue above zero and orange below. */
  readonly color?: string;
  /** The one that it is about, such as the right class. */
  readonly chosen?: boolean;
}

export interface BarsOptions {
  /** What all of them show, for a screen reader. */
  readonly label: string;
  /** It runs again when a signal that it reads changes. */
  readonly bars: () => readonly Bar[];
  /** From the foot to the top. */
  readonly range: () => Range;
  /** Called with what a bar is dragged to; without it they only show. */
  readonly drag?: (index: number, value: number) => void;
  /** Makes a button of each label, which chooses its bar. */
  readonly choose?: {
    /** What the button does, for a screen reader. */
    readonly label: (bar: Bar) => string;
    readonly act: (index: number) => void;
  };
  /** How far an arrow key goes, and where a drag snaps. */
  readonly step?: number;
}

/** Steps that Page Up and Page Down go. */
const PAGE = 10;

export function bars<Frame>(view: ExplainerView<Frame>, options: BarsOptions): HTMLElement {
  const { lifetime } = view;
  const root = h("div", { class: "dl-bars", role: "group", "aria-label": options.label });
  const shown = computed(options.bars);
  const columns: { readonly element: HTMLElement; readonly owner: AbortController }[] = [];
  react(lifetime, () => {
    const count = shown.value.length;
    for (const { element, owner } of columns.splice(count)) {
      owner.abort();
      element.remove();
    }
    while (columns.length < count) {
      const owner = within(lifetime);
      const element = column(columns.length, shown, options, owner.signal);
      columns.push({ element, owner });
      root.append(element);
    }
  });
  onEnd(lifetime, () => (columns.length = 0));
  return root;
}

function column(
  index: number,
  shown: ReadonlySignal<readonly Bar[]>,
  { range, drag, choose, step = 0.1 }: BarsOptions,
  lifetime: AbortSignal,
): HTMLElement {
  const fill = h("div", { class: "dl-bar-fill" });
  const zero = h("div", { class: "dl-bar-zero" });
  const track = h("div", { class: "dl-bar-track" }, zero, fill);
  const text = h("span", { class: "dl-bar-value" });
  const label =
    choose === undefined
      ? h("span", { class: "dl-bar-label" })
      : h("button", { type: "button", class: "dl-bar-label dl-toggle" });
  listen(label, "click", lifetime, () => choose?.act(index));
  const element = h("div", { class: "dl-bar" }, text, track, label);
  setAttribute(track, "role", drag === undefined ? "img" : "slider");

  react(lifetime, () => {
    const bar = shown.value[index];
    if (bar === undefined) return;
    const { low, high } = range();
    const place = (value: number) =>
      (100 * (Math.max(low, Math.min(high, value)) - low)) / (high - low);
    const [from, to] = [place(0), Number.isFinite(bar.value) ? place(bar.value) : place(0)];
    const read = bar.text ?? formatValue(bar.value);
    zero.style.bottom = `${from}%`;
    fill.style.bottom = `${Math.min(from, to)}%`;
    fill.style.height = `${Math.abs(to - from)}%`;
    fill.style.background = bar.color ?? "";
    setAttribute(fill, "data-sign", bar.value < 0 ? "-" : "+");
    setAttribute(element, "data-chosen", bar.chosen === true);
    setText(text, read);
    setText(label, bar.label);
    if (choose !== undefined) {
      setAttribute(label, "aria-label", choose.label(bar));
      setAttribute(label, "aria-pressed", String(bar.chosen === true));
    }
    setAttribute(track, "aria-label", drag === undefined ? `${bar.label} ${read}` : bar.label);
    if (drag === undefined) return;
    setAttribute(track, "aria-orientation", "vertical");
    setAttribute(track, "aria-valuemin", low);
    setAttribute(track, "aria-valuemax", high);
    setAttribute(track, "aria-valuenow", bar.value);
    setAttribute(track, "aria-valuetext", read);
  });
  if (drag !== undefined) {
    const valueOf = () => shown.peek()[index]?.value ?? 0;
    const go = (value: number) => {
      const { low, high } = range();
      const near = Number((Math.round(value / step) * step).toFixed(6));
      const held = Math.max(low, Math.min(high, near));
      if (held !== valueOf()) drag(index, held);
    };
    dragged(track, lifetime, (share) => {
      const { low, high } = range();
      go(low + share * (high - low));
    });
    track.tabIndex = 0;
    listen(track, "keydown", lifetime, (event) => {
      const { low, high } = range();
      const to: Readonly<Record<string, number>> = {
        ArrowUp: valueOf() + step,
        ArrowRight: valueOf() + step,
        ArrowDown: valueOf() - step,
        ArrowLeft: valueOf() - step,
        PageUp: valueOf() + PAGE * step,
        PageDown: valueOf() - PAGE * step,
        Home: low,
        End: high,
      };
      const value = to[event.key];
      if (value === undefined) return;
      go(value);
      event.preventDefault();
      // JupyterLab has other plans for these keys.
      event.stopPropagation();
    });
  }
  return element;
}

/** Tell how far up a press or drag is: 0 at the foot, 1 at the top. */
function dragged(track: HTMLElement, lifetime: AbortSignal, tell: (share: number) => void): void {
  let held = false;
  const follow = ({ clientY }: MouseEvent) => {
    const { bottom, height } = track.getBoundingClientRect();
    if (height > 0) tell(Math.max(0, Math.min(1, (bottom - clientY) / height)));
  };
  listen(track, "pointerdown", lifetime, (event) => {
    if (event.button !== 0) return;
    held = true;
    track.setPointerCapture(event.pointerId);
    follow(event);
  });
  listen(track, "pointermove", lifetime, (event) => {
    if (held) follow(event);
  });
  for (const end of ["pointerup", "pointercancel"] as const) {
    listen(track, end, lifetime, () => (held = false));
  }
}

/** The numbers of the window, or of the products, as a picture that follows the pointer. */

import { type NumberCell, NumberGrid } from "../../../draw/number_grid.ts";
import { type Picture, valueColor } from "../../../draw/pixels.ts";
import { h, setAttribute } from "../../../shared/ui/dom.ts";
import { onEnd } from "../../../shared/lifetime.ts";
import { formatCell } from "./numbers.ts";
import { Throttle } from "../../../shared/throttle.ts";

export interface NumberPanel {
  readonly element: HTMLElement;
  readonly clear: () => void;
  readonly show: (
    size: number,
    values: readonly number[],
    shades: Picture,
    outside?: readonly boolean[],
  ) => void;
}

/** What a host without layout is taken to have. */
const SIDE = 166;

/** Characters that a cell has room for. */
function roomFor(size: number): number {
  return size <= 3 ? 6 : size <= 5 ? 5 : size <= 7 ? 4 : 3;
}

export function numberPanel(label: string, lifetime: AbortSignal): NumberPanel {
  const canvas = h("canvas", { "aria-hidden": "true" });
  const element = h(
    "div",
    { class: "dl-grid dl-numbers", role: "img", "aria-label": label },
    canvas,
  );
  let side = SIDE;
  let size = 1;
  let cells: NumberCell[] = [];
  const grid = new NumberGrid(canvas);
  const draw = () => grid.draw(side, size, cells);
  const observer = new ResizeObserver(() => {
    const now = element.clientWidth || SIDE;
    if (now === side) return;
    side = now;
    draw();
  });
  observer.observe(element);
  onEnd(lifetime, () => observer.disconnect());
  return {
    element,
    clear: () => {
      cells = [];
      setAttribute(element, "aria-label", label);
      setAttribute(element, "data-values", "");
      draw();
    },
    show: (wanted, values, shades, outside) => {
      size = wanted;
      const room = roomFor(size);
      cells = values.map((value, i) => ({
        text: formatCell(value, room),
        ...valueColor(shades, value),
        dashed: outside?.[i] ?? false,
      }));
      draw();
      const rows = Array.from({ length: size }, (_, y) =>
        cells
          .slice(y * size, (y + 1) * size)
          .map(({ text }) => text)
          .join(" "),
      );
      setAttribute(element, "aria-label", `${label}: ${rows.join("; ")}`);
      setAttribute(element, "data-values", values.join(" "));
      setAttribute(element, "data-outside", outside?.filter(Boolean).length);
    },
  };
}

/** Up to so many numbers in a row are drawn at once; more are not read sixty times a second. */
const READABLE = 7;
const APART_MS = 60;

/** Draws `size` numbers in a row, many of them not sooner than a moment after the last time. */
export function calmly(lifetime: AbortSignal): (size: number, draw: () => void) => void {
  const throttle = new Throttle(lifetime, APART_MS);
  return (size, draw) => (size > READABLE ? throttle.run(draw) : throttle.now(draw));
}

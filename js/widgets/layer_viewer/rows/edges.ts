/** Lines from a unit back to the units that feed it: blue adds, orange takes away. */

import type { ReadonlySignal } from "@preact/signals-core";

import { signedColor } from "../../../draw/color.ts";
import { s } from "../../../shared/ui/dom.ts";
import { react, track } from "../../../shared/lifetime.ts";
import type { Context } from "../context.ts";
import type { LayerRow } from "./row.ts";
import { ROW_HEIGHT } from "./row.ts";

const WIDEST = 5;
const MOST = 48;

export function edges(
  { selection, lifetime }: Context,
  rows: ReadonlyMap<number, LayerRow>,
  scroller: HTMLElement,
  moved: ReadonlySignal<number>,
): SVGSVGElement {
  const svg = s("svg", { class: "dl-edges", "aria-hidden": "true" });
  react(lifetime, () => {
    track(moved);
    const formula = selection.explained.value?.formula ?? null;
    const place = selection.place.value;
    const from = place === null ? null : rows.get(place.layer)?.place(place.at[0] ?? 0);
    if (formula === null || !from) {
      svg.replaceChildren();
      return;
    }
    const links = formula.links.slice(0, MOST);
    const most = Math.max(...links.map(({ share }) => Math.abs(share)), 1e-12);
    svg.replaceChildren(
      ...links.map(({ source, unit, share }) => {
        const to = rows.get(source)?.place(unit) ?? null;
        // What is not in sight lies above; the network's own input to the left.
        const x = source < 0 ? 0 : (to?.x ?? from.x);
        const y =
          source < 0 ? from.top : (to?.bottom ?? Math.max(scroller.scrollTop, source * ROW_HEIGHT));
        const middle = (y + from.top) / 2;
        const d =
          source < 0
            ? `M${from.x} ${from.top}C${from.x / 2} ${from.top - 10} 20 ${from.top - 10} 0 ${y}`
            : `M${from.x} ${from.top}C${from.x} ${middle} ${x} ${middle} ${x} ${y}`;
        const size = Math.abs(share) / most;
        return s("path", {
          d,
          stroke: signedColor(Math.sign(share) * Math.max(0.35, size)),
          "stroke-width": (1 + (WIDEST - 1) * size).toFixed(1),
          opacity: to === null && source >= 0 ? 0.4 : 0.9,
        });
      }),
    );
  });
  return svg;
}

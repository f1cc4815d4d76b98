/** A piece of a curve, as the legend and the readings show it. */

import { s } from "../../shared/dom.ts";
import type { LineStyle } from "./series.ts";

const SIGNS = {
  circle: "M13 1.4a2.6 2.6 0 1 1 0 5.2 2.6 2.6 0 0 1 0-5.2z",
  square: "M10.6 1.6h4.8v4.8h-4.8z",
  diamond: "M13 .6 16.4 4 13 7.4 9.6 4z",
  triangle: "M13 .8 16.4 6.6H9.6z",
} as const;

type Sample = Omit<LineStyle, "marker"> & { readonly marker: LineStyle["marker"] | null };

export function swatch({ color, dash, width, marker }: Sample): SVGSVGElement {
  return s(
    "svg",
    { class: "dl-swatch", viewBox: "0 0 26 8", "aria-hidden": "true" },
    s("path", {
      d: "M1 4H25",
      fill: "none",
      stroke: color,
      "stroke-width": width,
      "stroke-dasharray": dash.length > 0 ? dash.join(" ") : null,
    }),
    marker === null ? null : s("path", { d: SIGNS[marker], fill: color }),
  );
}

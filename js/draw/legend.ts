/** Which curve is which: a piece of its line, as drawn, and its name. */

import type { CurveLook } from "./curves.ts";

export interface LegendEntry {
  readonly label: string;
  readonly look: CurveLook;
}

const SVG = "http://www.w3.org/2000/svg";

const SIGNS = {
  circle: "M13 1.4a2.6 2.6 0 1 1 0 5.2 2.6 2.6 0 0 1 0-5.2z",
  square: "M10.6 1.6h4.8v4.8h-4.8z",
  diamond: "M13 .6 16.4 4 13 7.4 9.6 4z",
  triangle: "M13 .8 16.4 6.6H9.6z",
} as const;

export function legend(entries: readonly LegendEntry[]): HTMLElement {
  const element = document.createElement("div");
  element.className = "dl-curve-legend";
  element.append(
    ...entries.map(({ label, look }) => {
      const entry = document.createElement("span");
      entry.append(swatch(look), label);
      return entry;
    }),
  );
  return element;
}

export function swatch({ color, dash, width, marker }: CurveLook): SVGSVGElement {
  const element = document.createElementNS(SVG, "svg");
  element.setAttribute("class", "dl-swatch");
  element.setAttribute("viewBox", "0 0 26 8");
  // Where it is narrower, its beginning.
  element.setAttribute("preserveAspectRatio", "xMinYMid slice");
  element.setAttribute("aria-hidden", "true");
  const line = path("M1 4H25");
  line.setAttribute("fill", "none");
  line.setAttribute("stroke", color);
  line.setAttribute("stroke-width", String(width));
  if (dash.length > 0) line.setAttribute("stroke-dasharray", dash.join(" "));
  element.append(line);
  if (marker !== null) {
    const sign = path(SIGNS[marker]);
    sign.setAttribute("fill", color);
    element.append(sign);
  }
  return element;
}

function path(d: string): SVGPathElement {
  const element = document.createElementNS(SVG, "path");
  element.setAttribute("d", d);
  return element;
}

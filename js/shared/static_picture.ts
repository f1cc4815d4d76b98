/** While a live view is there, the picture that the notebook keeps of it is hidden. */

import { h } from "./ui/dom.ts";
import { react } from "./lifetime.ts";

/** Where hosts put an output: the whole of it goes, with its margins. */
const OUTPUTS = [".jp-OutputArea-child", ".cell-output-ipywidget-background", ".output_area"];

/** @param marker what the picture's text contains; null while the picture is all there is. */
export function hidePicture(
  { root, lifetime }: { readonly root: HTMLElement; readonly lifetime: AbortSignal },
  marker: () => string | null,
): void {
  const style = h("style");
  root.append(style);
  react(lifetime, () => {
    const sign = marker();
    const rules = sign !== null && /^[\w-]+$/.test(sign) ? hiding(sign) : "";
    if (style.textContent !== rules) style.textContent = rules;
  });
}

/** Hosts show an SVG as an image with its text in the address, or as an element. */
function hiding(sign: string): string {
  const pictures = `:is(img[src*="${sign}"], svg#${sign}, svg[data-plot="${sign}"])`;
  return [...OUTPUTS.map((output) => `${output}:has(${pictures})`), pictures]
    .map((selector) => `${selector} { display: none !important; }`)
    .join("\n");
}

/** Icons as paths on a 24×24 grid, in the colour of the text. */

import { s } from "./dom.ts";

const PATHS = {
  play: "M8 5.5v13l10.5-6.5z",
  pause: "M7 5.5h3.5v13H7zM13.5 5.5H17v13h-3.5z",
  step: "M6 5.5v13l8.5-6.5zM15.5 5.5H18v13h-2.5z",
  reset: "M12 5V1.8L7.2 6.2 12 10.6V7.2a5.3 5.3 0 1 1-5.2 6.4H4.6A7.5 7.5 0 1 0 12 5z",
  rewind: "M18 5.5v13L9.5 12zM6 5.5h2.5v13H6z",
  code: "M9.3 7.2 4.5 12l4.8 4.8 1.5-1.5L7.5 12l3.3-3.3zM14.7 7.2l-1.5 1.5 3.3 3.3-3.3 3.3 1.5 1.5 4.8-4.8z",
  help: "M11 16.2h2.1v2.1H11zM12 5.5c-2.3 0-4 1.5-4.2 3.7h2.1c.2-1 .9-1.8 2.1-1.8 1.1 0 1.9.7 1.9 1.7 0 .8-.5 1.3-1.3 1.9-1 .7-1.6 1.5-1.6 2.8v.8H13v-.5c0-.8.4-1.3 1.3-1.9 1-.7 1.8-1.6 1.8-3.1 0-2.1-1.8-3.6-4.1-3.6z",
  tune: "M4 7h7.2a2.4 2.4 0 0 1 4.6 0H20v1.6h-4.2a2.4 2.4 0 0 1-4.6 0H4zM4 15.4h2.2a2.4 2.4 0 0 1 4.6 0H20V17h-9.2a2.4 2.4 0 0 1-4.6 0H4z",
  close:
    "M6.9 5.5 5.5 6.9l5.1 5.1-5.1 5.1 1.4 1.4 5.1-5.1 5.1 5.1 1.4-1.4-5.1-5.1 5.1-5.1-1.4-1.4-5.1 5.1z",
  warning: "M12 3.5 2.2 20.5h19.6zM11 10h2v5.2h-2zM11 16.6h2v2h-2z",
  plus: "M11 5.5h2V11h5.5v2H13v5.5h-2V13H5.5v-2H11z",
  minus: "M5.5 11h13v2h-13z",
  stop: "M6.5 6.5h11v11h-11z",
  download:
    "M11 3.5h2v8.2l2.8-2.8 1.4 1.4-5.2 5.2-5.2-5.2 1.4-1.4 2.8 2.8zM4.5 17h2v2h11v-2h2v4h-15z",
  fit: "M4 5h2v14H4zM18 5h2v14h-2zM9.6 7.8 11 9.2 9.2 11h5.6L13 9.2l1.4-1.4L18.6 12l-4.2 4.2-1.4-1.4 1.8-1.8H9.2l1.8 1.8-1.4 1.4L5.4 12z",
  left: "M14.5 5.5 16 7l-5 5 5 5-1.5 1.5L8 12z",
  right: "M9.5 5.5 8 7l5 5-5 5 1.5 1.5L16 12z",
  star: "M12 3.2l2.6 5.6 6.1.7-4.5 4.2 1.2 6-5.4-3-5.4 3 1.2-6-4.5-4.2 6.1-.7z",
  copy: "M8 4h11v13h-2.5v3H5V7h3zm2 2v9h7V6zM7 9v9h7.5v-1H8V9z",
} as const;

export type IconName = keyof typeof PATHS;

export function icon(name: IconName): SVGSVGElement {
  return s(
    "svg",
    { class: `dl-icon dl-icon-${name}`, viewBox: "0 0 24 24", "aria-hidden": "true" },
    s("path", { d: PATHS[name], "fill-rule": "evenodd" }),
  );
}

/** How cells look: by what they are, or coloured by their value; numbers as they fit in a cell. */

import { signedRgb } from "../../../draw/color.ts";
import type { Theme } from "../../../shared/ui/theme.ts";

export interface Palette {
  readonly text: string;
  readonly muted: string;
  readonly line: string;
  readonly edge: string;
  readonly input: Shade;
  readonly weight: Shade;
  readonly output: Shade;
}

/** Of a kind of cell: at rest, touched, and its edge. */
export interface Shade {
  readonly fill: string;
  readonly strong: string;
  readonly edge: string;
}

const LIGHT = {
  input: { fill: "#dcecf9", strong: "#86c2ee", edge: "#0877bd" },
  weight: { fill: "#ede4f7", strong: "#c9aceb", edge: "#6b3fa0" },
  output: { fill: "#d5f0e7", strong: "#66cfae", edge: "#00805d" },
};
const DARK = {
  input: { fill: "#17384f", strong: "#266a9e", edge: "#62b6f0" },
  weight: { fill: "#35284a", strong: "#6a4a99", edge: "#c6a4f2" },
  output: { fill: "#123d31", strong: "#14735a", edge: "#3fd0a4" },
};

export function palette({ dark, text, muted, line }: Theme): Palette {
  return { text, muted, line: dark ? "#6d7276" : "#a9b0b5", edge: line, ...(dark ? DARK : LIGHT) };
}

/** The colour of a value on a scale, and of the text on it. */
export function valueColor(value: number, scale: number): { fill: string; text: string } {
  const share = Number.isFinite(value) ? value / (scale || 1) : Math.sign(value);
  const [red, green, blue] = signedRgb(share);
  const bright = 0.299 * red + 0.587 * green + 0.114 * blue;
  return { fill: `rgb(${red},${green},${blue})`, text: bright > 128 ? "#1a1a1a" : "#fff" };
}

/** The largest size of finite values. */
export function scaleOf(values: Float32Array): number {
  let scale = 0;
  for (let i = 0; i < values.length; i++) {
    const size = Math.abs(values[i]!);
    if (size > scale && size !== Infinity) scale = size;
  }
  return scale;
}

/** A number in a cell: whole ones as they are, others with two or three significant digits. */
export function cellText(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  let text: string;
  if (Number.isInteger(value) && size < 100_000) text = String(size);
  else if (size >= 100_000 || size < 0.005) text = size.toExponential(1).replace("e+", "e");
  else text = size.toFixed(size < 10 ? 2 : size < 100 ? 1 : 0);
  return value < 0 ? `−${text.replace("e-", "e−")}` : text.replace("e-", "e−");
}

/** The same where there is little room: .14 for 0.14. */
export function shortText(value: number): string {
  const size = Math.abs(value);
  if (size > 0 && size < 0.005) return "≈0";
  return cellText(value).replace(/^(−?)0\./, "$1.");
}

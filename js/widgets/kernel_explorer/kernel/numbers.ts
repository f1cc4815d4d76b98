/** Numbers in the room of a cell. */

import { formatValue } from "../../../shared/format.ts";

/** As many digits as fit into so many characters; a true minus. */
export function formatCell(value: number, room: number): string {
  if (!Number.isFinite(value)) return formatValue(value);
  if (value === 0) return "0";
  const size = Math.abs(value);
  const left = room - (value < 0 ? 1 : 0);
  // Where there is little room, a fraction goes without its leading zero.
  const bare = size < 1 && left <= 3;
  const whole = bare ? 0 : size < 1 ? 1 : Math.floor(Math.log10(size)) + 1;
  if (whole > left && size >= 1000) return sign(value, size.toExponential(0).replace("+", ""));
  const decimals = Math.max(0, Math.min(3, left - whole - 1));
  let text = size.toFixed(decimals);
  if (decimals > 0) text = text.replace(/\.?0+$/, "");
  // What is not zero does not look like it.
  if (text === "0") return room > 3 ? "~0" : "·";
  if (bare) text = text.replace(/^0\./, ".");
  return sign(value, text);
}

function sign(value: number, text: string): string {
  return value < 0 ? `−${text}` : text;
}

/** A kernel's value in a field: all digits that float32 has, none that it has not. */
export function formatFloat(value: number): string {
  for (let digits = 1; digits < 9; digits++) {
    const text = Number(value.toPrecision(digits));
    if (Math.fround(text) === value) return String(text);
  }
  return String(Number(value.toPrecision(9)));
}

/** How far one press of an arrow key goes: a tenth of the kernel's order of magnitude. */
export function stepFor(values: readonly number[]): number {
  const largest = Math.max(...values.map(Math.abs));
  return largest === 0 ? 0.1 : 10 ** Math.max(-3, Math.floor(Math.log10(largest)) - 1);
}

/** A sum of two decimals without the dust of binary fractions. */
export function nudged(value: number, by: number, step: number): number {
  const digits = Math.max(0, Math.ceil(-Math.log10(step)));
  return Math.fround(Number((value + by * step).toFixed(Math.min(12, digits + 4))));
}

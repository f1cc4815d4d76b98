/** Numbers beside an axis, as short as their neighbours allow. */

import { format } from "d3-format";

/** @param digits how many tell it from its neighbours. */
export type TickText = (value: number, digits: number) => string;

const FEW = 3;
const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";

/** What stands beside these ticks. */
export function tickTexts(places: readonly number[], text: TickText): string[] {
  const digits = digitsOf(places);
  return places.map((place) => text(place, digits));
}

/** 0.25, 1200, 12.3k, 1.5M, but 12,345 where 12,350 is next to it; the rest with an exponent. */
export function tick(value: number, digits: number = FEW): string {
  const size = Math.abs(value);
  if (size >= 1e9 || (size > 0 && size < 1e-3)) return exponent(value, digits);
  return format(`.${digits}~${size >= 1e4 && digits === FEW ? "s" : "r"}`)(value);
}

/** Rates, whose size is what counts: 0.05, 1e−3. */
export function rateTick(value: number, digits: number = FEW): string {
  return value !== 0 && Math.abs(value) < 0.01 ? exponent(value, digits) : tick(value, digits);
}

/** Powers of ten as 10⁻⁷ where they would be long; 0.01 and all else as they are. */
export function powerTick(value: number, digits: number = FEW): string {
  const power = Math.round(Math.log10(value));
  if (Math.abs(power) < 4 || Math.abs(value / 10 ** power - 1) > 1e-9) return tick(value, digits);
  const raised = Array.from(String(Math.abs(power)), (digit) => SUPERSCRIPTS[Number(digit)]);
  return `10${power < 0 ? "⁻" : ""}${raised.join("")}`;
}

/** Seconds: 12 s, 2:10, 1:05 h. */
export function clockTick(seconds: number): string {
  if (Math.abs(seconds) < 60) return `${format(".6~r")(seconds)} s`;
  const whole = Math.round(seconds);
  const two = (number: number) => String(number).padStart(2, "0");
  if (whole < 3600) return `${Math.floor(whole / 60)}:${two(whole % 60)}`;
  const minutes = Math.floor(whole / 60) % 60;
  const rest = whole % 60 === 0 ? "" : `:${two(whole % 60)}`;
  return `${Math.floor(whole / 3600)}:${two(minutes)}${rest} h`;
}

function exponent(value: number, digits: number): string {
  const text = format(`.${digits - 1}~e`)(value);
  return text.replace("e+", "e").replace("e-", "e−");
}

/** How many digits tell each from the one before it. */
function digitsOf(places: readonly number[]): number {
  const order = (value: number) => Math.floor(Math.log10(value) + 1e-9);
  const needed = places.slice(1).map((place, i) => {
    const before = places[i]!;
    return 1 + order(Math.max(Math.abs(place), Math.abs(before))) - order(Math.abs(place - before));
  });
  return Math.max(FEW, ...needed);
}

/** The arithmetic of the cell that is looked at, with its actual numbers. */

import type { Layer, Term } from "../arithmetic/layer.ts";
import { cellText } from "./cell_looks.ts";
import type { Context } from "../context.ts";
import { cellName, counted } from "../formula/naming.ts";
import { cellOf, field, type Target, touched } from "./touch.ts";

export interface Reading {
  readonly name: string;
  readonly lines: readonly string[];
}

/** More terms than these are told by their number. */
const MOST_TERMS = 30;
const MOST_NAMES = 9;

export function reading(context: Context, target: Target): Reading {
  const name = cellName(context, target);
  const lines =
    target.part === "output"
      ? outputLines(context, target, name)
      : target.part === "weight"
        ? weightLines(context, target, name)
        : inputLines(context, target, name);
  return { name, lines };
}

function outputLines(context: Context, target: Target, name: string): string[] {
  const { t, picture, inChannel, outChannel } = context;
  const { layers, settings } = picture.value;
  const layer = layers[target.layer]!;
  const channel = layers.length > 1 ? 0 : outChannel.value;
  const inputs = layer.inputsOf(channel);
  const from = layers.length > 1 ? 0 : inChannel.value;
  const value = layer.output(channel)[target.y * layer.x.outputs + target.x]!;
  const terms = (input: number) => layer.terms(channel, input, target.y, target.x);
  if (settings.kind === "max_pool") {
    const values = terms(channel).map((term) => cellText(term.value));
    return [`${name} = max(${listed(values)}) = ${cellText(value)}`];
  }
  if (settings.kind === "avg_pool") {
    const values = terms(channel).map((term) => cellText(term.value));
    const divisor = layer.divisor(target.y, target.x);
    return [`${name} = (${listed(values, " + ")}) / ${divisor} = ${cellText(value)}`];
  }
  const bias = layer.bias.length > 0 ? `${signed(layer.biasOf(channel))} (bias)` : "";
  const lines: string[] = [];
  if (inputs.length === 1) {
    lines.push(
      `${name} = ${products(terms(inputs[0]!))}${bias && ` ${bias}`} = ${cellText(value)}`,
    );
  } else {
    const sums = inputs.map((input) => sum(terms(input)));
    const part = sums[inputs.indexOf(from)]!;
    lines.push(
      `${name} = ${signedSum(sums)}${bias && ` ${bias}`} = ${cellText(value)}`,
      `${t("convolution_explorer.channel", { channel: from })}: ${products(terms(from))} = ${cellText(part)}`,
    );
  }
  if (layers.length > 1) lines.push(fieldLine(context, target));
  return lines;
}

/** From which to which input an output of a stack reaches back. */
function fieldLine(context: Context, target: Target): string {
  const { t, picture } = context;
  const cells = [...field(picture.value, target)[0]!].filter((at) => at >= 0);
  const size = picture.value.settings.input_size[0]!;
  const inside = cells.filter((at) => at < size);
  const layers = picture.value.layers.slice(0, target.layer + 1);
  let jump = 1;
  let reach = 1;
  for (const { x } of layers) {
    reach += jump * (x.span - 1);
    jump *= x.stride;
  }
  if (inside.length === 0) return t("convolution_explorer.field_padding", { reach });
  const params = {
    reach,
    first: Math.min(...inside),
    last: Math.max(...inside),
    inputs: counted(context, "input", inside.length),
  };
  return t("convolution_explorer.field", params);
}

function weightLines(context: Context, target: Target, name: string): string[] {
  const { t, picture, inChannel, outChannel } = context;
  const layer = picture.value.layers[target.layer]!;
  const { outputs, realInputs } = touched(picture.value, target);
  const counts = {
    inputs: counted(context, "input", realInputs),
    outputs: counted(context, "output", outputs.size),
  };
  if (layer.weight.length === 0) return [t("convolution_explorer.window_touches", counts)];
  const [to, from] = picture.value.layers.length > 1 ? [0, 0] : [outChannel.value, inChannel.value];
  const value = cellText(layer.weightAt(to, from, target.y, target.x));
  return [t("convolution_explorer.weight_touches", { name, value, ...counts })];
}

function inputLines(context: Context, target: Target, name: string): string[] {
  const { t, picture, inChannel, outChannel } = context;
  const { layers } = picture.value;
  const layer = layers[target.layer]!;
  const { outputs } = touched(picture.value, target);
  const channel = layers.length > 1 ? 0 : inChannel.value;
  const value = layer.inputAt(channel, target.y, target.x);
  const given = isOutside(layer, target) ? "" : ` = ${value === null ? "−∞" : cellText(value)}`;
  if (layers.length > 1) {
    const reached = counted(context, "output", field(picture.value, target).at(-1)!.size);
    return [t("convolution_explorer.input_reaches", { name: name + given, outputs: reached })];
  }
  if (outputs.size === 0)
    return [t("convolution_explorer.touches_nothing", { name: name + given })];
  const to = outChannel.value;
  const names = [...outputs].slice(0, MOST_NAMES).map(([key, place]) => {
    const [y, x] = cellOf(key);
    const cell = cellName(context, { part: "output", layer: 0, y, x });
    if (layer.weight.length === 0 || place < 0) return cell;
    const [row, column] = [Math.floor(place / layer.x.kernel), place % layer.x.kernel];
    return `${cell} ×${cellText(layer.weightAt(to, channel, row, column))}`;
  });
  const list = names.join("; ") + (outputs.size > MOST_NAMES ? "; …" : "");
  const count = counted(context, "output", outputs.size);
  return [t("convolution_explorer.input_touches", { name: name + given, outputs: count, list })];
}

function isOutside({ y, x }: Layer, target: Target): boolean {
  return y.role(target.y) === "outside" || x.role(target.x) === "outside";
}

function sum(terms: readonly Term[]): number {
  return Math.fround(terms.reduce((total, { value, weight }) => total + value * weight, 0));
}

function products(terms: readonly Term[]): string {
  return listed(
    terms.map(({ value, weight }) => `${bracket(value)}·${bracket(weight)}`),
    " + ",
  );
}

function bracket(value: number): string {
  return value < 0 ? `(${cellText(value)})` : cellText(value);
}

function signed(value: number): string {
  return value < 0 ? `− ${cellText(-value)}` : `+ ${cellText(value)}`;
}

/** −0.07 − 0.13 + 0.17 */
function signedSum(values: readonly number[]): string {
  const parts = values.map((value, place) => (place === 0 ? cellText(value) : signed(value)));
  return listed(parts, " ");
}

function listed(parts: readonly string[], between = ", "): string {
  if (parts.length <= MOST_TERMS) return parts.join(between);
  return [...parts.slice(0, MOST_TERMS - 1), "…", parts.at(-1)!].join(between);
}

/** A unit's formula with its actual numbers: a = tanh(0.10 + 0.23·x − 0.41·y). */

import { formatWeight } from "../../../shared/format.ts";

const SUBSCRIPTS = "₀₁₂₃₄₅₆₇₈₉";
const SUPERSCRIPT_TWO = "²";

/** A feature as it is written: x2 is x², sin_x is sin x. */
export function featureLabel(name: string): string {
  return name.replace(/2$/, SUPERSCRIPT_TWO).replace("_", " ");
}

/** The output of a neuron of the layer before, counted from one. */
export function activationLabel(unit: number): string {
  return `a${String(unit + 1).replace(/\d/g, (digit) => SUBSCRIPTS.charAt(Number(digit)))}`;
}

export function formula(
  activation: string,
  bias: number,
  weights: readonly number[],
  inputs: readonly string[],
): string {
  const terms = weights.map((weight, i) => {
    const input = inputs[i] ?? "";
    const factor = /\s/.test(input) ? `(${input})` : input;
    return `${weight < 0 ? " − " : " + "}${formatWeight(Math.abs(weight))}·${factor}`;
  });
  const sum = formatWeight(bias) + terms.join("");
  switch (activation) {
    case "linear":
      return sum;
    case "relu":
      return `max(0, ${sum})`;
    case "sigmoid":
      return `σ(${sum})`;
    default:
      return `${activation}(${sum})`;
  }
}

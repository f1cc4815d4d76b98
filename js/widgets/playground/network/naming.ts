/** What units, features and links are called, and where their numbers stand. */

import { type Link, parameterLayout } from "../../../draw/network.ts";
import type { Translate } from "../../../shared/i18n.ts";
import { activationLabel, featureLabel } from "./formula.ts";
import type { Frame, Shape } from "../frame.ts";
import type { Target, Unit } from "./selection.ts";

export function unitName(t: Translate, shape: Shape, { layer, unit }: Unit): string {
  if (layer === shape.hidden.length) return t("playground.output");
  return t("playground.neuron", { unit: unit + 1, layer: layer + 1 });
}

export function targetName(t: Translate, shape: Shape, target: Target | null): string {
  if (target === null) return t("playground.output");
  if (target.kind === "feature") {
    return t("playground.feature", { name: featureLabel(target.name) });
  }
  return unitName(t, shape, target);
}

/** What the inputs of a layer are called in formulas. */
export function inputNames(shape: Shape, layer: number): string[] {
  if (layer === 0) return shape.features.map(featureLabel);
  return Array.from({ length: shape.hidden[layer - 1] ?? 0 }, (_, i) => activationLabel(i));
}

/** Positions of a unit's bias and weights among the parameters. */
export function unitParameters(shape: Shape, { layer, unit }: Unit) {
  const sizes = [shape.features.length, ...shape.hidden, 1];
  const { inputs, weight, bias } = parameterLayout(sizes)[layer]!;
  return {
    bias: bias + unit,
    weights: Array.from({ length: inputs }, (_, i) => weight + unit * inputs + i),
  };
}

export function unitExists(shape: Shape, { layer, unit }: Unit): boolean {
  return unit < ([...shape.hidden, 1][layer] ?? 0);
}

/** All biases, layer by layer. */
export function biases(frame: Frame): number[] {
  const sizes = [frame.features.length, ...frame.hidden, 1];
  return parameterLayout(sizes).flatMap(({ bias, outputs }) =>
    Array.from(frame.parameters.subarray(bias, bias + outputs)),
  );
}

/** x → Neuron 1, layer 1. */
export function linkName(t: Translate, shape: Shape, { layer, from, to }: Link): string {
  const source = inputNames(shape, layer)[from] ?? "";
  return `${source} → ${unitName(t, shape, { layer, unit: to })}`;
}

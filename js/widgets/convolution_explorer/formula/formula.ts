/** The size of the output as a formula, once with letters and once with the actual numbers. */

import type { Axis } from "../arithmetic/axis.ts";
import type { Picture } from "../stage/picture.ts";
import { around, type Expression, fraction, number, row, sign, symbol } from "./expression.ts";

/** What stands for a quantity: its letter, or its number. */
interface Names {
  readonly i: Expression;
  readonly k: Expression;
  readonly s: Expression;
  readonly d: Expression;
  readonly padding: Expression;
  readonly extra: Expression;
}

/** A formula in parts, between which a line may break. */
export type Formula = readonly Expression[];

/** o = ⌊(i + 2p − d(k − 1) − 1) / s⌋ + 1 = … = 3 */
export function sizeFormula(axis: Axis, index?: string): Formula {
  return [
    row(symbol("o", index), sign("="), size(axis, letters(axis))),
    row(sign("="), size(axis, numbers(axis)), sign("="), number(axis.outputs)),
  ];
}

function letters({ before, behind }: Axis): Names {
  const twice = row(number(2), symbol("p"));
  const apart = row(symbol("p", "l"), sign("+"), symbol("p", "r"));
  return {
    i: symbol("i"),
    k: symbol("k"),
    s: symbol("s"),
    d: symbol("d"),
    padding: before === behind ? twice : apart,
    extra: symbol("p", "out"),
  };
}

function numbers({
  size: i,
  kernel,
  stride,
  dilation,
  before,
  behind,
  outputPadding,
}: Axis): Names {
  const twice = row(number(2), sign("·"), number(before));
  const apart = row(number(before), sign("+"), number(behind));
  return {
    i: number(i),
    k: number(kernel),
    s: number(stride),
    d: row(number(dilation), sign("·")),
    padding: before === behind ? twice : apart,
    extra: number(outputPadding),
  };
}

function size(axis: Axis, { i, k, s, d, padding, extra }: Names): Expression {
  const reach = row(d, around("parentheses", row(k, sign("−"), number(1))));
  if (axis.transposed) {
    const grown = row(around("parentheses", row(i, sign("−"), number(1))), sign("·"), s);
    return row(grown, sign("−"), padding, sign("+"), reach, sign("+"), extra, sign("+"), number(1));
  }
  const room = row(i, sign("+"), padding, sign("−"), reach, sign("−"), number(1));
  const steps = around(axis.ceilMode ? "ceiling" : "floor", fraction(room, s));
  const all = row(steps, sign("+"), number(1));
  return axis.dropped ? row(all, sign("−"), number(1)) : all;
}

/** r = 1 + 1·(2 − 1) + 2·(2 − 1) + … = 16 */
export function fieldFormula({ layers }: Picture): Formula {
  let jump = 1;
  let reach = 1;
  const terms = layers.map(({ x }) => {
    const term = row(
      sign("+"),
      number(jump * x.dilation),
      sign("·"),
      around("parentheses", row(number(x.kernel), sign("−"), number(1))),
    );
    reach += jump * (x.span - 1);
    jump *= x.stride;
    return term;
  });
  return [row(symbol("r"), sign("="), number(1)), ...terms, row(sign("="), number(reach))];
}

/** The formulas of a picture: one where both dimensions are alike. */
export function formulas(picture: Picture, layer: number): Formula[] {
  const { settings, layers } = picture;
  const { y, x } = layers[layer]!;
  if (settings.input_size.length === 1) {
    const size = sizeFormula(x);
    return layers.length > 1 ? [size, fieldFormula(picture)] : [size];
  }
  const alike = (
    ["size", "kernel", "stride", "dilation", "before", "behind", "outputPadding"] as const
  ).every((name) => y[name] === x[name]);
  return alike ? [sizeFormula(x)] : [sizeFormula(y, "h"), sizeFormula(x, "w")];
}

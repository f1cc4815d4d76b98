/** A formula as a tree: drawn as MathML, which browsers lay out themselves, and written as LaTeX. */

export type Expression =
  | { readonly kind: "symbol"; readonly name: string; readonly index?: string }
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "sign"; readonly sign: "+" | "−" | "·" | "=" }
  | { readonly kind: "row"; readonly parts: readonly Expression[] }
  | { readonly kind: "around"; readonly fence: Fence; readonly inner: Expression }
  | { readonly kind: "fraction"; readonly above: Expression; readonly below: Expression };

export type Fence = "parentheses" | "floor" | "ceiling";

export const symbol = (name: string, index?: string): Expression =>
  index === undefined ? { kind: "symbol", name } : { kind: "symbol", name, index };
export const number = (value: number): Expression => ({ kind: "number", value });
export const sign = (what: "+" | "−" | "·" | "="): Expression => ({ kind: "sign", sign: what });
export const row = (...parts: Expression[]): Expression => ({ kind: "row", parts });
export const around = (fence: Fence, inner: Expression): Expression => ({
  kind: "around",
  fence,
  inner,
});
export const fraction = (above: Expression, below: Expression): Expression => ({
  kind: "fraction",
  above,
  below,
});

const MATHML = "http://www.w3.org/1998/Math/MathML";
const SIGNS = { "+": "+", "−": "-", "·": "\\cdot", "=": "=" } as const;
const FENCES = {
  parentheses: ["(", ")", "(", ")"],
  floor: ["⌊", "⌋", "\\lfloor", "\\rfloor"],
  ceiling: ["⌈", "⌉", "\\lceil", "\\rceil"],
} as const;

export function latex(expression: Expression): string {
  switch (expression.kind) {
    case "symbol":
      return expression.index === undefined
        ? expression.name
        : `${expression.name}_{\\text{${expression.index}}}`;
    case "number":
      return String(expression.value);
    case "sign":
      return SIGNS[expression.sign];
    case "row":
      return expression.parts.map(latex).join(" ");
    case "around": {
      const [, , open, close] = FENCES[expression.fence];
      return `\\left${open} ${latex(expression.inner)} \\right${close}`;
    }
    case "fraction":
      return `\\frac{${latex(expression.above)}}{${latex(expression.below)}}`;
  }
}

/** A `<math>` element of the formula. */
export function mathElement(expression: Expression): Element {
  const math = element("math", {}, toMathml(expression));
  math.setAttribute("display", "inline");
  return math;
}

function toMathml(expression: Expression): Element {
  switch (expression.kind) {
    case "symbol": {
      const name = element("mi", {}, expression.name);
      if (expression.index === undefined) return name;
      return element("msub", {}, name, element("mtext", {}, expression.index));
    }
    case "number":
      return element("mn", {}, String(expression.value).replace("-", "−"));
    case "sign":
      return element("mo", {}, expression.sign);
    case "row":
      return element("mrow", {}, ...expression.parts.map(toMathml));
    case "around": {
      const [open, close] = FENCES[expression.fence];
      // Without a font for mathematics nothing is stretched.
      const size = expression.inner.kind === "fraction" ? "210%" : "100%";
      const fence = (text: string) =>
        element("mo", { stretchy: "false", fence: "true", mathsize: size }, text);
      return element("mrow", {}, fence(open), toMathml(expression.inner), fence(close));
    }
    case "fraction":
      return element("mfrac", {}, toMathml(expression.above), toMathml(expression.below));
  }
}

function element(
  name: string,
  attributes: Readonly<Record<string, string>>,
  ...children: (Element | string)[]
): Element {
  const made = document.createElementNS(MATHML, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

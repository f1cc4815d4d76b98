import { expect, test } from "vitest";

import { mathml } from "./mathml.ts";

/** Without the names of the elements: what is read, and which element says it. */
const inner = (source: string, values = {}) => mathml(source, values).innerHTML;

test("letters, numbers and signs are told apart; a minus is one", () => {
  expect(inner("2.5x - \\alpha")).toBe("<mrow><mn>2.5</mn><mi>x</mi><mo>−</mo><mi>α</mi></mrow>");
});

test("fractions, roots, powers and indices hold what stands in braces, or one sign", () => {
  expect(inner("\\frac{1}{1+e^{-x}}")).toBe(
    "<mfrac><mn>1</mn><mrow><mn>1</mn><mo>+</mo><msup><mi>e</mi>" +
      "<mrow><mo>−</mo><mi>x</mi></mrow></msup></mrow></mfrac>",
  );
  expect(inner("w_i^2")).toBe("<msubsup><mi>w</mi><mi>i</mi><mn>2</mn></msubsup>");
  expect(inner("w^2_i")).toBe(inner("w_i^2"));
  expect(inner("f'")).toBe('<msup><mi>f</mi><mo lspace="0" rspace="0">′</mo></msup>');
  expect(inner("\\sqrt{\\hat v}")).toBe(
    '<msqrt><mover accent="true"><mi>v</mi><mo>^</mo></mover></msqrt>',
  );
});

test("cases are rows behind one brace that is as high as they are", () => {
  const math = mathml("\\begin{cases} x & x > 0 \\\\ \\val{a} x & \\text{else} \\end{cases}", {
    a: "0.01",
  });
  expect([...math.querySelectorAll("mtr")].map(({ textContent }) => textContent)).toEqual([
    "xx>0",
    "0.01xelse",
  ]);
  expect(math.querySelector("mo")!.getAttribute("mathsize")).toBe("230%");
});

test("a number is put in as text, with a true minus, and is marked as one", () => {
  const value = mathml("\\val{b}", { b: "-<b>" }).querySelector(".dl-value")!;
  expect(value.textContent).toBe("−<b>");
  expect(value.childElementCount).toBe(0);
});

test("fences grow with a fraction between them", () => {
  const math = mathml("\\left(\\frac{a}{b}\\right)");
  expect([...math.querySelectorAll("mo")].map((one) => one.getAttribute("mathsize"))).toEqual([
    "210%",
    "210%",
  ]);
});

test.each([
  ["\\frac{1}", "Something is missing"],
  ["{x", "} is missing"],
  ["\\unheard", "\\unheard is not known"],
  ["\\val{b}", "no value for b"],
])("%s is told as the author's mistake", (source, sentence) => {
  expect(() => mathml(source)).toThrow(sentence);
});

import { expect, test } from "vitest";

import { translator } from "../../../shared/i18n.ts";
import { WORDS } from "../words.ts";
import type { Explained, Formula } from "./explained.ts";
import { generalForm, withNumbers } from "./formula_text.ts";

const en = translator("en", WORDS);
const es = translator("es", WORDS);

function formula(given: Partial<Formula>): Formula {
  const window = { name: "window", shape: [1], values: new Float32Array([2]) };
  return {
    ...{ kind: "", name: "", then: "", lastStep: "", value: 1, result: 1, numbers: {}, units: [] },
    ...{ chosen: -1, links: [], count: 1, start: null, step: null, weights: null, inside: null },
    window,
    ...given,
  };
}

function numbers(given: Partial<Formula>): string {
  const found = { formula: formula(given), answer: 1, factor: 1 } as unknown as Explained;
  // As many digits as there need to be.
  return withNumbers(en, found)
    .replace(/(\.\d*?)0+(?!\d)/g, "$1")
    .replace(/\.(?!\d)/g, "");
}

test("a layer's last step is named, in both languages", () => {
  const given = formula({ kind: "combination", name: "·", lastStep: "mul" });
  expect(generalForm(en, given)).toBe("Last step, mul: y = a · b");
  expect(generalForm(es, given)).toBe("Último paso, mul: y = a · b");
});

test.each([
  ["constant", "", "A constant", "Una constante"],
  ["embedding", "", "row i is the token's", "la fila i es la del token"],
  ["linear", "heads", "over what the heads answer", "sobre lo que responden las cabezas"],
])("%s %s is told in words, in both languages", (kind, name, english, spanish) => {
  expect(generalForm(en, formula({ kind, name }))).toContain(english);
  expect(generalForm(es, formula({ kind, name }))).toContain(spanish);
});

test("recurrent layers show their gates with their numbers", () => {
  const lstm = { i: 0.5, f: 0.25, g: -1, o: 0.75, c_before: 2, c: 0 };
  expect(numbers({ kind: "lstm", numbers: lstm, result: 0 })).toBe(
    "c = 0.25 · 2 + 0.5 · −1 = 0, y = 0.75 · tanh(0) = 0",
  );
  const gru = { r: 0.1, z: 0.5, n: 2, h_before: 4 };
  expect(numbers({ kind: "gru", numbers: gru, result: 3 })).toBe(
    "(1 − 0.5) · 2 + 0.5 · 4 = 3, r = 0.1",
  );
  const rnn = { kind: "rnn", name: "tanh", numbers: { inputs: 1, state: -1, sum: 0 }, result: 0 };
  expect(generalForm(en, formula(rnn))).toBe("y = tanh(W · x + b + U · h₋₁ + d)");
  expect(numbers(rnn)).toBe("tanh(1 − 1) = 0");
});

test("what functions give themselves is written with as much as there is", () => {
  const attention = { kind: "linear", name: "scaled_dot_product_attention", numbers: { bias: 0 } };
  expect(generalForm(en, formula(attention))).toBe("y = Σ a · v, a = softmax(q · k / √d)");
  expect(numbers({ ...attention, count: 7, result: 3 })).toBe("Σ of 7 products: 3");
  const added = { kind: "linear", name: "addmm", numbers: { bias: 2 }, count: 3, result: 5 };
  expect(generalForm(en, formula(added))).toBe("y = Σ w · x + b");
  expect(numbers(added)).toBe("Σ of 3 products: 3 + 2 = 5");
  expect(generalForm(en, formula({ kind: "pointwise", name: "sinc" }))).toBe("y = sinc(x)");
  const largest = { kind: "reduction", name: "amax", count: 9, result: 4 };
  expect(generalForm(es, formula(largest))).toBe("y = amax(x₁, x₂, …)");
  expect(numbers(largest)).toBe("amax of 9 values = 4");
  expect(numbers({ kind: "embedding", numbers: { row: 17, column: 3 }, result: 2 })).toBe(
    "W[17, 3] = 2",
  );
});

test("a softmax of large numbers shows what they were divided by", () => {
  const given = { kind: "softmax", numbers: { value: 900, shift: 901, total: 1.5 }, result: 0.25 };
  expect(numbers(given)).toBe("e^(900 − 901) / 1.5 = 0.25");
});

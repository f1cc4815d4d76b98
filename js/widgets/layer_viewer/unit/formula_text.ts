/** A unit's formula in words and signs: as it is written, and with the actual numbers. */

import { formatValue } from "../../../shared/format.ts";
import type { Translate } from "../../../shared/i18n.ts";
import type { Explained, Formula } from "./explained.ts";
import { pointwise } from "./pointwise.ts";

const SOFTMAX = "y = eᶻ / Σ eᶻ";
const LOG_SOFTMAX = "y = log(eᶻ / Σ eᶻ)";

/** Sums of which torch itself says the weights. */
const SUMS: Readonly<Record<string, string>> = {
  sum: "y = Σ x",
  scaled_dot_product_attention: "y = Σ a · v, a = softmax(q · k / √d)",
};

export function generalForm(t: Translate, formula: Formula): string {
  const step = formula.lastStep;
  const form = written(t, formula);
  return step === "" ? form : `${t("layer_viewer.last_step", { name: step })} ${form}`;
}

function written(t: Translate, { kind, name, then, numbers }: Formula): string {
  switch (kind) {
    case "pointwise":
      return pointwise(name);
    case "convolution":
      return weightedSum(then);
    case "linear":
      if (name === "heads") return t("layer_viewer.heads");
      if (name === "" || then !== "") return weightedSum(then);
      return SUMS[name] ?? `y = Σ w · x${numbers["bias"] === 0 ? "" : " + b"}`;
    case "norm":
      return name === "rms" ? "y = x / √(mean(x²) + ε) · γ" : "y = (x − μ) / √(σ² + ε) · γ + β";
    case "softmax":
      return name === "log" ? LOG_SOFTMAX : SOFTMAX;
    case "mean":
      return "y = Σ x / n";
    case "combination":
      return `y = a ${name} b`;
    case "function":
      return name === "glu" ? "y = a · σ(b)" : `y = ${name}(a, b, …)`;
    case "reduction":
      return `y = ${name}(x₁, x₂, …)`;
    case "normalize":
      return "y = x / ‖x‖";
    case "lstm":
      return "y = o · tanh(c), c = f · c₋₁ + i · g";
    case "gru":
      return "y = (1 − z) · n + z · h₋₁";
    case "rnn":
      return `y = ${name}(W · x + b + U · h₋₁ + d)`;
    case "pooling":
      return t(`layer_viewer.pooling_${name}`);
    case "copy":
      return t("layer_viewer.copy");
    case "constant":
      return t("layer_viewer.constant");
    case "embedding":
      return t("layer_viewer.embedding");
    default:
      return "";
  }
}

/** With the activation that a layer of Keras applies to it. */
function weightedSum(then: string): string {
  if (then === "") return "y = Σ w · x + b";
  if (then === "softmax") return `z = Σ w · x + b, ${SOFTMAX}`;
  if (then === "log_softmax") return `z = Σ w · x + b, ${LOG_SOFTMAX}`;
  // In its own formula the sum is called x.
  return `z = Σ w · x + b, ${pointwise(then).replace(/\bx\b/g, "z").replaceAll("ˣ", "ᶻ")}`;
}

/** The same with this unit's numbers. */
export function withNumbers(t: Translate, { formula, answer, factor }: Explained): string {
  if (formula === null) return "";
  const scaled = factor === 1 ? "" : ` · ${formatValue(factor)} = ${formatValue(answer)}`;
  return line(t, formula) + scaled;
}

function line(t: Translate, formula: Formula): string {
  const { numbers, window, count } = formula;
  const f = formatValue;
  const n = (name: string, otherwise = 0) => f(numbers[name] ?? otherwise);
  const result = f(formula.result);
  const x = f(window.values[0] ?? NaN);
  switch (formula.kind) {
    case "convolution":
    case "linear": {
      const bias = numbers["bias"] ?? 0;
      const total = numbers["sum"] ?? formula.result;
      const products = `${t("layer_viewer.products", { count })} ${f(total - bias)}`;
      if (bias === 0 && formula.name !== "" && formula.kind === "linear") return products;
      return `${products} ${signed(bias)} = ${f(total)}${activated(formula)}`;
    }
    case "norm":
      return (
        `(${x} − ${n("mean")}) / √(${n("variance")} + ${n("eps")}) · ${n("weight", 1)} ` +
        `${signed(numbers["bias"] ?? 0)} = ${result}`
      );
    case "pooling":
      return formula.name === "max"
        ? t("layer_viewer.largest_of", { count, result })
        : `Σ / ${numbers["divisor"] ?? count} = ${result}`;
    case "softmax":
      return softmax(formula, n);
    case "mean":
      return `Σ / ${count} = ${result}`;
    case "combination":
      return `${x} ${formula.name} ${f(window.values[1] ?? NaN)} = ${result}`;
    case "function":
      return `${formula.name}(${Array.from(window.values, f).join(", ")}) = ${result}`;
    case "reduction":
      return t("layer_viewer.of_values", { name: formula.name, count, result });
    case "normalize":
      return `${n("value")} / ${n("norm", 1)} = ${result}`;
    case "lstm": {
      const cell = `${n("f")} · ${n("c_before")} + ${n("i")} · ${n("g")} = ${n("c")}`;
      return `c = ${cell}, y = ${n("o")} · tanh(${n("c")}) = ${result}`;
    }
    case "gru": {
      const z = n("z");
      return `(1 − ${z}) · ${n("n")} + ${z} · ${n("h_before")} = ${result}, r = ${n("r")}`;
    }
    case "rnn":
      return `${formula.name}(${n("inputs")} ${signed(numbers["state"] ?? 0)}) = ${result}`;
    case "embedding":
      return `W[${numbers["row"] ?? 0}, ${numbers["column"] ?? 0}] = ${result}`;
    case "copy":
    case "constant":
      return result;
    default: {
      const scalars = Object.entries(numbers).map(([name, value]) => `${name} = ${f(value)}`);
      return [`x = ${x} → y = ${result}`, ...scalars].join(", ");
    }
  }
}

function softmax(
  { numbers, result, name }: Formula,
  n: (name: string, otherwise?: number) => string,
): string {
  const shift = numbers["shift"] ?? 0;
  // Beyond what e can be raised to, all are divided by the largest.
  const exponent = shift === 0 ? n("value") : `(${n("value")} ${signed(-shift)})`;
  const share = `e^${exponent} / ${n("total")}`;
  return `${name === "log" ? `log(${share})` : share} = ${formatValue(result)}`;
}

/** What a layer of Keras makes of its sum: " → relu = 0". */
function activated({ then, numbers, result }: Formula): string {
  if (then === "") return "";
  const total = numbers["total"];
  if (total === undefined) return ` → ${then} = ${formatValue(result)}`;
  const share = `e^${formatValue(numbers["sum"] ?? 0)} / ${formatValue(total)}`;
  return ` → ${then === "softmax" ? share : `log(${share})`} = ${formatValue(result)}`;
}

function signed(value: number): string {
  return value < 0 ? `− ${formatValue(-value)}` : `+ ${formatValue(value)}`;
}

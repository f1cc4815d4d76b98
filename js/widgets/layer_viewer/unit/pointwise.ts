/** The formulas of activation functions, as they are written. */

const FORMULAS: Readonly<Record<string, string>> = {
  relu: "y = max(0, x)",
  relu6: "y = min(max(0, x), 6)",
  leaky_relu: "y = max(x, negative_slope · x)",
  prelu: "y = x if x ≥ 0 else slope · x",
  elu: "y = x if x > 0 else alpha · (eˣ − 1)",
  celu: "y = x if x > 0 else alpha · (e^(x/alpha) − 1)",
  selu: "y = 1.0507 · (x if x > 0 else 1.6733 · (eˣ − 1))",
  gelu: "y = x · Φ(x)",
  silu: "y = x · σ(x)",
  mish: "y = x · tanh(log(1 + eˣ))",
  sigmoid: "y = 1 / (1 + e⁻ˣ)",
  tanh: "y = tanh(x)",
  softplus: "y = log(1 + e^(beta · x)) / beta",
  softsign: "y = x / (1 + |x|)",
  hardtanh: "y = min(max(x, min_val), max_val)",
  hardsigmoid: "y = min(max(x / 6 + ½, 0), 1)",
  hardswish: "y = x · min(max(x / 6 + ½, 0), 1)",
  logsigmoid: "y = log(1 / (1 + e⁻ˣ))",
  identity: "y = x",
  dropout: "y = x · factor",
  exp: "y = eˣ",
  expm1: "y = eˣ − 1",
  sqrt: "y = √x",
  rsqrt: "y = 1 / √x",
  square: "y = x²",
  reciprocal: "y = 1 / x",
  neg: "y = −x",
  abs: "y = |x|",
  log1p: "y = log(1 + x)",
  clamp: "y = min(max(x, min), max)",
  clamp_min: "y = max(x, min)",
  clamp_max: "y = min(x, max)",
};

export function pointwise(name: string): string {
  return FORMULAS[name] ?? `y = ${name}(x)`;
}

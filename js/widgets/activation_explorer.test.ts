import { expect, test, vi } from "vitest";

import { f4, FakeModel } from "../shared/testing/model.ts";
import { find, host, hostViews, render } from "../shared/testing/hosted_view.ts";

const number = (name: string, low: number, high: number) => ({
  ...{ name, kind: "number", group: "drawn", low, high, step: 0.01 },
});
const SCHEMA = [
  { name: "activation", kind: "choice", group: "drawn", allowed: ["ReLU", "ELU"] },
  { name: "initialization", kind: "choice", group: "drawn", allowed: ["he", "own"] },
  { name: "compared", kind: "chosen", group: "drawn", allowed: ["ReLU", "ELU", "Tanh", "Mish"] },
  { name: "batch_norm", kind: "flag", group: "drawn" },
  ...["slope", "alpha", "beta", "cut", "beside", "scale"].map((name) => number(name, 0, 3)),
  number("layers", 1, 20),
];
const ELU = {
  name: "ELU",
  code: "nn.ELU(alpha=1.5)",
  formula: String.raw`\val{alpha} (e^x - 1)`,
  derivative: String.raw`\val{alpha} e^x`,
};
const OWN = { name: "wave", code: null, formula: null, derivative: null };

hostViews();

function kernel(meta: object = {}, gradient = [0.1, 0.5]): FakeModel {
  const model = new FakeModel({
    ...{ language: "en", schema: SCHEMA, activation: "ELU", initialization: "he", layers: 2 },
    ...{ compared: ["Tanh", "Mish"], batch_norm: false, slope: 0.01, alpha: 1.5, beta: 1 },
    ...{ cut: 0.5, beside: 0, scale: 0.05 },
  });
  model.answers["hello"] = () => ({
    meta: {
      ...{ curves: [ELU, { ...OWN, name: "Tanh" }], flat: [{ low: -2, high: -1, dead: false }] },
      ...{ counting: ["alpha"], values: { alpha: 1.5 }, reach: 4, powers: [-14, 4], ...meta },
    },
    arrays: {
      x: f4(-2, 0, 2),
      y: f4(-1.3, 0, 2, -0.96, 0, 0.96),
      slope: f4(0.2, 1, 1, 0.07, 1, 0.07),
      activations: f4(1, 2, 3, 4),
      gradients: f4(0, 1, 2, 0),
      spread: f4(0.8, 0.7),
      gradient: f4(...gradient),
      zeros: f4(0.5, 0.25),
      dead: f4(0, 0.1),
    },
  });
  model.answers["settings.set"] = ({ meta: asked }) => {
    for (const [name, value] of Object.entries(asked)) model.set(name, value);
    return {};
  };
  return model;
}

async function mount(model: FakeModel): Promise<void> {
  const { default: widget } = await import("./activation_explorer.ts");
  render(widget, model);
  await vi.advanceTimersByTimeAsync(20);
}

const hidden = (name: string) => find(`[data-setting=${name}]`).closest("[hidden]") !== null;
const status = () => find("[role=status].dl-spoken").textContent;

test("function and derivative are read at the place where the keys are", async () => {
  await mount(kernel());
  const area = find("[aria-label='Functions and their derivatives']");
  area.focus();
  expect(area.getAttribute("aria-valuetext")).toBe(
    "x: 0.000; ELU: 0.000, f′ 1.000; Tanh: 0.000, f′ 1.000",
  );
  area.dispatchEvent(new KeyboardEvent("keydown", { key: "End", bubbles: true }));
  expect(area.getAttribute("aria-valuetext")).toContain("ELU: 2.000, f′ 1.000");
});

test("the sliders that count are there, the formula has their numbers, the line can be copied", async () => {
  await mount(kernel());
  expect(["alpha", "slope", "scale"].map(hidden)).toEqual([false, true, true]);
  const lines = [...host.querySelectorAll(".dl-formula math")].map((one) => one.textContent);
  expect(lines).toEqual(["f(x)=1.5(ex−1)", "f′(x)=1.5ex"]);
  expect(find(".dl-code-line code").textContent).toBe("nn.ELU(alpha=1.5)");
});

test("a function of one's own has no formula, and says whose derivative it is", async () => {
  await mount(kernel({ curves: [OWN, { ...ELU }] }));
  expect(host.querySelectorAll(".dl-formula math")).toHaveLength(0);
  expect(find(".dl-code-line").hidden).toBe(true);
  expect(find(".dl-definition > p").hidden).toBe(false);
});

test("others are added from the menu and taken away by their buttons", async () => {
  const model = kernel();
  await mount(model);
  const select = find("select[data-setting=compared]", HTMLSelectElement);
  // What is drawn already is not offered.
  expect([...select.options].map(({ value }) => value)).toEqual(["", "ReLU"]);
  select.value = "ReLU";
  select.dispatchEvent(new Event("change"));
  expect(model.last("settings.set").meta).toEqual({ compared: ["Tanh", "Mish", "ReLU"] });
  await vi.advanceTimersByTimeAsync(1);
  find("[aria-label='Remove Tanh']").focus();
  find("[aria-label='Remove Tanh']").click();
  await vi.advanceTimersByTimeAsync(1);
  expect(model.last("settings.set").meta).toEqual({ compared: ["Mish", "ReLU"] });
  expect(document.activeElement?.textContent).toBe("Mish ×");
});

test.each([
  [[0.1, 0.5], {}, "The gradient arrives: × 0.2 at layer 1"],
  [[1e-6, 0.5], {}, "The gradient vanishes: × 2e−6 at layer 1"],
  [[0, 0], {}, "The gradient vanishes: × NaN at layer 1"],
  [[5000, 0.5], {}, "The gradient explodes: × 10000 at layer 1"],
])("of the gradients %j it says what has become of them", async (gradient, meta, sentence) => {
  await mount(kernel(meta, gradient));
  expect(status()).toBe(sentence);
});

test("a layer is read by keys, and all of them from the first to the last", async () => {
  await mount(kernel());
  const readings = () =>
    [...host.querySelectorAll(".dl-network .dl-reading-value")].map((one) => one.textContent);
  expect(readings()).toEqual([
    "1 → 2",
    "0.8 → 0.7",
    "50 % → 25 %",
    "1 → 2",
    "0.1 → 0.5",
    "0 % → 10 %",
  ]);
  const area = find("[aria-label='Activations of each layer']");
  area.focus();
  area.dispatchEvent(new KeyboardEvent("keydown", { key: "End", bubbles: true }));
  expect(readings().slice(0, 3)).toEqual(["2", "0.7", "25 %"]);
});

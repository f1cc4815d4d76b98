import { expect, test, vi } from "vitest";

import { f4, FakeModel } from "../shared/testing/model.ts";
import { find, host, hostViews, render } from "../shared/testing/hosted_view.ts";

hostViews();

const node = (name: string, operation: string, inputs: number[][], more: object = {}) => ({
  name,
  kind: operation === "" ? "input" : "operation",
  operation,
  constants: "",
  shape: [],
  rows: 1,
  columns: 1,
  trainable: operation === "",
  edited: false,
  gradient: true,
  inputs,
  ...more,
});

/** (a + b)(b + 1) at a = 2, b = 1, with b looked at. */
function kernel(chosen: object = {}): FakeModel {
  const model = new FakeModel({
    language: "en",
    schema: [],
    presets: {},
    code: false,
    running: false,
    learning_rate: 0.1,
  });
  model.answers["hello"] = () => ({
    meta: {
      nodes: [
        node("a", "", []),
        node("b", "", []),
        node("c", "add", [
          [0, true],
          [1, true],
        ] as never),
        node("d", "add", [[1, true]] as never, { constants: "1" }),
        node("e", "mul", [
          [2, true],
          [3, true],
        ] as never),
      ],
      output: 4,
      iteration: 0,
      iterations: 10,
      error: null,
      chosen: {
        place: 1,
        at: 0,
        value: 1,
        gradient: 5,
        terms: [
          [2, 0, 2, 1],
          [3, 0, 3, 1],
        ],
        more: 0,
        quotient: 5,
        relative: 2e-11,
        ...chosen,
      },
      updates: [["b", 0]],
      stepped: false,
    },
    arrays: {
      values: f4(2, 1, 3, 2, 6),
      gradients: f4(2, 5, 2, 3, 1),
      ways: f4(2, 2, 3, 2, 3),
      updates: { shape: [1, 3], values: Float32Array.of(1, 5, 0.5) },
    },
  });
  for (const kind of ["number.choose", "number.edit", "train.step", "values.reset"]) {
    model.answers[kind] = () => ({});
  }
  return model;
}

async function mount(model: FakeModel): Promise<HTMLElement> {
  const { default: widget } = await import("./backprop.ts");
  render(widget, model);
  await vi.advanceTimersByTimeAsync(20);
  return find(".dl-backprop");
}

const label = (name: string) => find(`[data-node=${name}]`).getAttribute("aria-label");

test("the chain rule stands there in numbers, and the check beside it", async () => {
  await mount(kernel());
  const [names, numbers] = [...host.querySelectorAll(".dl-chain math")];
  expect(names!.textContent).toBe("∂e∂b=∂e∂c·∂c∂b+∂e∂d·∂d∂b");
  expect(numbers!.textContent).toBe("=2·1+3·1=5");
  expect(find(".dl-check-line").textContent).toContain("difference quotient 5.000");
  expect(label("b")).toBe("b : value 1.000, gradient 5.000");
  expect(label("d")).toBe("d + 1: value 2.000, gradient 3.000");
  expect(find(".dl-updates").textContent).toBe("b: 1.000 − 0.1 · 5.000 = 0.5000");
});

test("stepping back hides what is not known yet, and looks at what is done there", async () => {
  const model = kernel();
  await mount(model);
  find("[aria-label='One step back']").click();
  await vi.advanceTimersByTimeAsync(1);
  expect(label("b")).toBe("b : value 1.000, gradient –");
  expect(model.last("number.choose").meta).toEqual({ node: "d", at: 0 });
  find("[aria-label='To the beginning']").click();
  await vi.advanceTimersByTimeAsync(1);
  expect(label("c")).toBe("c +: value –, gradient –");
  expect(find(".dl-chain h4").textContent).toBe("Forward: b");
  for (let step = 0; step < 3; step++) find("[aria-label='One step on']").click();
  await vi.advanceTimersByTimeAsync(1);
  expect(label("e")).toBe("e ×: value 6.000, gradient –");
});

test("a number is chosen by click and keys, and edited in the field", async () => {
  const model = kernel();
  await mount(model);
  find("[data-node=c]").click();
  expect(model.last("number.choose").meta).toEqual({ node: "c", at: 0 });
  const field = find("[data-edit]", HTMLInputElement);
  expect(field.value).toBe("1");
  field.focus();
  field.value = "2,5";
  field.dispatchEvent(new Event("input"));
  field.dispatchEvent(new Event("change"));
  expect(model.last("number.edit").meta).toEqual({ node: "b", at: 0, value: 2.5 });
  find("[data-step]").click();
  expect(model.last("train.step").meta).toEqual({ steps: 1 });
});

test("what gets no gradient says so", async () => {
  await mount(kernel({ gradient: null, terms: [], quotient: null }));
  expect(find(".dl-check-line").textContent).toContain("It gets no gradient");
  expect(host.querySelectorAll(".dl-chain math")).toHaveLength(0);
});

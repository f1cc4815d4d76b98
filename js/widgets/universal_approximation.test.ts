import { expect, test, vi } from "vitest";

import { f4, FakeModel } from "../shared/testing/model.ts";
import { find, host, hostViews, render } from "../shared/testing/hosted_view.ts";

hostViews();

const POINTS = 201;
/** What a host without layout leaves of 800 px for the axis of x. */
const WIDTH = 800 - 62 - 14;

function kernel(meta: Record<string, unknown>, traits: Record<string, unknown> = {}): FakeModel {
  const model = new FakeModel({
    language: "en",
    schema: [],
    presets: {},
    code: false,
    running: false,
    weight: 50,
    bias: -25,
    neurons: 8,
    left: 0.4,
    right: 0.6,
    height: 0.5,
    ...traits,
  });
  const flat = f4(...new Array<number>(POINTS).fill(0.5));
  model.answers["hello"] = () => ({
    meta: {
      stage: "step",
      dimensions: 1,
      low: [0],
      high: [1],
      range: [0, 1],
      error: 0.25,
      side: 4,
      neurons: 1,
      points: false,
      steps: 0,
      most_steps: 5000,
      ...meta,
    },
    arrays: {
      target_x: f4(...Array.from({ length: POINTS }, (_, i) => i / 200)),
      target: flat,
      output: flat,
      parts: { shape: [0, POINTS], values: new Float32Array() },
      ...(meta["stage"] === "learn"
        ? { sizes: { shape: [2, 2], values: Float32Array.of(1, 0.1, 8, 0.01) } }
        : {}),
    },
  });
  model.answers["settings.set"] = ({ meta: given }) => {
    for (const [name, value] of Object.entries(given)) model.set(name, value);
    return {};
  };
  for (const kind of ["height.set", "target.draw", "heights.fit", "train.reset"]) {
    model.answers[kind] = () => ({});
  }
  return model;
}

async function mount(model: FakeModel): Promise<HTMLElement> {
  Object.assign(Element.prototype, { setPointerCapture: () => undefined });
  const { default: widget } = await import("./universal_approximation.ts");
  render(widget, model);
  await vi.advanceTimersByTimeAsync(20);
  return find(".dl-universal-approximation");
}

const area = () => find(".dl-flat .dl-area");

function drag(...shares: readonly number[]): void {
  const at = (type: string, share: number, clientY = 100) =>
    area().dispatchEvent(new MouseEvent(type, { clientX: share * WIDTH, clientY, bubbles: true }));
  at("pointerdown", shares[0]!);
  shares.slice(1).forEach((share) => at("pointermove", share));
  at("pointerup", shares.at(-1)!);
}

async function key(name: string): Promise<void> {
  area().dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true }));
  await vi.advanceTimersByTimeAsync(1);
}

test("dragging the step sets the bias; the mark says where it is", async () => {
  const model = kernel({});
  await mount(model);
  expect(find("[data-mark=step]").textContent).toBe("−b / w = 0.5");
  drag(0.5, 0.8);
  await vi.advanceTimersByTimeAsync(1);
  expect(model.get("bias")).toBeCloseTo(-40, 1);
  expect(find("[data-mark=step]").textContent).toBe("−b / w = 0.8");
  area().focus();
  await key("ArrowUp");
  expect(model.get("weight")).toBe(51);
});

test("of a bump the side that is near is dragged, else its height", async () => {
  const model = kernel({ stage: "bump" });
  await mount(model);
  drag(0.41, 0.3);
  await vi.advanceTimersByTimeAsync(1);
  expect(model.get("left")).toBeCloseTo(0.3, 2);
  expect(model.get("right")).toBe(0.6);
  drag(0.5, 0.52);
  await vi.advanceTimersByTimeAsync(1);
  expect(model.get("height")).not.toBe(0.5);
});

test("bumps are raised where one drags, and by keys", async () => {
  const model = kernel({ stage: "bumps" });
  await mount(model);
  drag(0.1, 0.3, 0.9);
  expect(model.requests("height.set").map(({ meta }) => meta["at"])).toEqual([0, 1, 3, 3]);
  area().focus();
  await key("End");
  await key("ArrowDown");
  const { at, value } = model.last("height.set").meta;
  expect(at).toBe(3);
  expect(value).toBeCloseTo(0.5 - 1.4 / 40);
});

test("what is drawn is sent, without gaps between two places of the pointer", async () => {
  const model = kernel({});
  await mount(model);
  find("[data-tool=draw]").click();
  drag(0, 1);
  await vi.advanceTimersByTimeAsync(100);
  const values = model.last("target.draw").arrays["values"]!.values as Float32Array;
  expect(values).toHaveLength(POINTS);
  expect(new Set(values).size).toBe(1);
  expect(values[100]).not.toBe(0.5);
  expect(model.requests("settings.set")).toHaveLength(0);
});

test("the curve of errors tells each network's, and a click shows that one", async () => {
  const model = kernel({ stage: "learn", neurons: 8 });
  await mount(model);
  const errors = find(".dl-errors .dl-area");
  errors.focus();
  expect(errors.getAttribute("aria-valuetext")).toContain("0.1000");
  errors.dispatchEvent(new KeyboardEvent("keydown", { key: "End", bubbles: true }));
  errors.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
  expect(model.last("settings.set").meta).toEqual({ neurons: 8 });
  expect(find(".dl-learning").hidden).toBe(false);
  expect(host.querySelector<HTMLElement>("[data-tool=fit]")!.hidden).toBe(true);
});

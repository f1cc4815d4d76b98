import { readFileSync } from "node:fs";
import { resolve } from "node:path";

import { describe, expect, test, vi } from "vitest";

import { f4, FakeModel } from "../shared/testing/model.ts";
import { type End, find, host, hostViews, render } from "../shared/testing/hosted_view.ts";
import type { Settings } from "./convolution_explorer/arithmetic/settings.ts";

interface Golden {
  readonly settings: Settings;
  readonly refused: unknown;
}

/** The first case is the first of the guide; the numbers of settings come from Python. */
const GOLDEN = JSON.parse(
  readFileSync(resolve("tests/golden/convolutions.json"), "utf8"),
) as Golden[];
const GUIDE = GOLDEN[0]!.settings;
const NUMERICAL = { ...GUIDE, input_size: [5, 5] };
const STACK = GOLDEN.map(({ settings }) => settings).find(({ layers }) => layers === 4)!;

/** The kernel has a sentence for each language. */
const { error: SENTENCES } = JSON.parse(
  readFileSync(resolve("js/shared/locales/es.json"), "utf8"),
) as {
  error: Record<string, string>;
};
const REFUSALS = Object.fromEntries(
  Object.entries(SENTENCES).map(([key, es]) => [key, { en: `${key}: {channels}`, es }]),
);

hostViews();

function kernel(settings: Settings = NUMERICAL, traits: Record<string, unknown> = {}) {
  const model = new FakeModel({
    language: "en",
    numbers: true,
    colors: false,
    matrix_shown: false,
    own_values: false,
    settings,
    presets: { convolution: { no_padding_no_strides: GUIDE, numerical: NUMERICAL } },
    refusals: REFUSALS,
    ...traits,
  });
  model.answers["hello"] = () => ({});
  model.answers["settings.set"] = ({ meta }) => {
    if ("kind" in meta) model.set("settings", meta);
    else for (const [name, value] of Object.entries(meta)) model.set(name, value);
    return {};
  };
  return model;
}

async function mount(model: FakeModel, end?: End): Promise<HTMLElement> {
  const { default: widget } = await import("./convolution_explorer.ts");
  render(widget, model, end);
  await vi.advanceTimersByTimeAsync(20);
  return find(".dl-convolution-explorer");
}

async function type(field: string, text: string): Promise<void> {
  const input = find(`[data-field=${field}]`) as HTMLInputElement;
  input.value = text;
  input.dispatchEvent(new Event("change"));
  await vi.advanceTimersByTimeAsync(1);
}

function key(element: HTMLElement, name: string): void {
  element.dispatchEvent(new KeyboardEvent("keydown", { key: name, cancelable: true }));
}

const reading = () => [...host.querySelectorAll(".dl-lines p")].map((line) => line.textContent);
const line = () => find("pre").textContent;
const plane = (part: string, layer = 0) => find(`[data-part=${part}][data-layer="${layer}"]`);

describe("a view", () => {
  test("explains the first output with its numbers", async () => {
    const root = await mount(kernel());
    expect(reading()).toEqual([
      "y[0, 0, 0] = 3·0 + 3·1 + 2·2 + 0·2 + 0·2 + 1·0 + 3·0 + 1·1 + 2·2 = 12",
    ]);
    expect(line()).toBe("nn.Conv2d(1, 1, 3, bias=False)");
    expect(find(".dl-parameters").textContent).toBe("Parameters: 1 · 1 · 3 · 3 = 9");
    expect(find(".dl-formulas").dataset["latex"]).toBe(
      "o = \\left\\lfloor \\frac{i + 2 p - d \\left( k - 1 \\right) - 1}{s} \\right\\rfloor + 1 = " +
        "\\left\\lfloor \\frac{5 + 2 \\cdot 0 - 1 \\cdot \\left( 3 - 1 \\right) - 1}{1} " +
        "\\right\\rfloor + 1 = 3",
    );
    expect(root.dataset["focus"]).toBe("output 0 0 0");
    expect(plane("output").getAttribute("aria-valuetext")).toContain("= 12");
  });

  test("goes from cell to cell by keys, pins and lets go", async () => {
    const root = await mount(kernel());
    const cells = plane("weight");
    key(cells, "ArrowDown");
    key(cells, "ArrowRight");
    expect(root.dataset["focus"]).toBe("weight 0 1 1");
    expect(reading()).toEqual(["w[0, 0, 1, 1] = 2 meets 9 inputs, for 9 outputs."]);
    key(cells, "Enter");
    cells.dispatchEvent(new Event("blur"));
    expect(root.dataset["focus"]).toBe("weight 0 1 1");
    find(".dl-unpin").click();
    expect(root.dataset["focus"]).toBe("output 0 0 0");
  });

  test("plays round and round, waits while one looks, and steps", async () => {
    const root = await mount(kernel(GUIDE));
    find(".dl-play").click();
    await vi.advanceTimersByTimeAsync(1500);
    expect(root.dataset["focus"]).toBe("output 0 1 0");
    key(plane("input"), "Home");
    await vi.advanceTimersByTimeAsync(3000);
    plane("input").dispatchEvent(new Event("blur"));
    expect(root.dataset["focus"]).toBe("output 0 1 0");
    await vi.advanceTimersByTimeAsync(1400);
    expect(root.dataset["focus"]).toBe("output 0 0 0");
    find("[aria-label='Previous output']").click();
    expect(root.dataset).toMatchObject({ focus: "output 0 1 1", playing: "false" });
    await vi.advanceTimersByTimeAsync(3000);
    expect(root.dataset["focus"]).toBe("output 0 1 1");
  });
});

describe("settings", () => {
  test("are told to the kernel and shown before it answers", async () => {
    const model = kernel();
    await mount(model);
    delete model.answers["settings.set"];
    await type("stride", "2x1");
    expect(model.last("settings.set").meta).toMatchObject({ stride: [2, 1], kind: "conv" });
    expect(line()).toBe("nn.Conv2d(1, 1, 3, stride=(2, 1), bias=False)");
    expect(plane("output").getAttribute("aria-label")).toBe("Output 2 × 3");
    expect(find(".dl-formulas").dataset["latex"]).toContain("o_{\\text{h}}");
  });

  test("that torch refuses are said in the view's language; the last picture stays", async () => {
    const model = kernel(NUMERICAL, { language: "es" });
    const root = await mount(model);
    await type("groups", "2");
    expect(root.dataset["refused"]).toBe("conv_groups_in");
    expect(find(".dl-impossible span").textContent).toBe(
      "in_channels debe ser divisible por groups: 1 canales no se reparten en 2 grupos iguales.",
    );
    expect(find("[data-field=groups]").getAttribute("aria-invalid")).toBe("true");
    expect(model.requests("settings.set")).toEqual([]);
    expect(line()).toBe("nn.Conv2d(1, 1, 3, bias=False)");
    await type("in_channels", "2");
    expect(root.dataset["refused"]).toBe("conv_groups_out");
    await type("out_channels", "2");
    expect(root.dataset["refused"]).toBeUndefined();
    expect(line()).toBe("nn.Conv2d(2, 2, 3, groups=2, bias=False)");
    await type("stride", "0");
    expect(find(".dl-impossible span").textContent).toBe(
      "stride debe ser un número entero entre 1 y 16; 0 no lo es.",
    );
    find(".dl-impossible button").click();
    expect(find(".dl-impossible").hidden).toBe(true);
    expect((find("[data-field=stride]") as HTMLInputElement).value).toBe("1");
  });

  test("that are not numbers get a sentence", async () => {
    await mount(kernel());
    await type("padding", "two");
    expect(find(".dl-notice-text").textContent).toBe("“two” is not a number; Padding stays 0.");
    expect((find("[data-field=padding]") as HTMLInputElement).value).toBe("0");
  });

  test("work without a kernel, which hears of them when it is back", async () => {
    const model = kernel();
    delete model.answers["hello"];
    await mount(model);
    await type("stride", "2");
    expect(line()).toContain("stride=2");
    expect(model.requests("settings.set")).toEqual([]);
    model.reply(model.last("hello"));
    await vi.advanceTimersByTimeAsync(1);
    expect(model.last("settings.set").meta).toMatchObject({ stride: [2, 2] });
  });

  test("from Python", async () => {
    const model = kernel();
    await mount(model);
    model.set("settings", { ...NUMERICAL, padding: [1, 1], bias: true });
    expect(line()).toBe("nn.Conv2d(1, 1, 3, padding=1)");
    expect(reading()[0]).toMatch(/ \+ 1 \(bias\) = 7$/);
  });

  test("a case of the guide by its name", async () => {
    const model = kernel();
    await mount(model);
    const menu = find("[data-setting=preset]") as HTMLSelectElement;
    expect(menu.value).toBe("numerical");
    menu.value = "no_padding_no_strides";
    menu.dispatchEvent(new Event("change"));
    await vi.advanceTimersByTimeAsync(1);
    expect(model.get("settings")).toEqual(GUIDE);
    await type("stride", "2");
    expect(menu.value).toBe("");
  });
});

describe("numbers", () => {
  const own = () => {
    const model = kernel({ ...NUMERICAL, out_channels: 2, bias: true }, { own_values: true });
    const weight = { shape: [2, 1, 3, 3], values: new Float32Array(18).fill(0.5) };
    const arrays = { weight, bias: f4(0.25, -1) };
    model.say({ kind: "values.show", seq: 1, meta: { kind: "conv" }, arrays });
    return { model, arrays };
  };

  test("are those of the layer that was given, where they fit", async () => {
    vi.useRealTimers();
    const { model, arrays } = own();
    const root = await mountReal(model);
    model.say({ kind: "values.show", seq: 1, meta: { kind: "conv" }, arrays });
    await expect.poll(() => root.dataset["own"]).toBe("true");
    expect(reading()[0]).toMatch(/ \+ 0.25 \(bias\) = 7.75$/);
    find("[aria-label='Output channel 1']").click();
    expect(reading()[0]).toMatch(/^y\[1, 0, 0\] = .* − 1 \(bias\) = 6.50$/);
    (find("[data-field=kernel_size]") as HTMLInputElement).value = "2";
    find("[data-field=kernel_size]").dispatchEvent(new Event("change"));
    expect(root.dataset["own"]).toBe("false");
  });
});

async function mountReal(model: FakeModel): Promise<HTMLElement> {
  const { default: widget } = await import("./convolution_explorer.ts");
  render(widget, model);
  return find(".dl-convolution-explorer");
}

test("a stack shows what an output reaches back to", async () => {
  await mount(kernel(STACK));
  expect(plane("output", 3).getAttribute("aria-label")).toBe("Layer 4, d = 8");
  expect(reading()).toEqual([
    "y[0, 15] = (−16)·1 + 0·2 = −16",
    "Receptive field: 16 cells; 16 inputs, x[0] to x[15].",
  ]);
  key(plane("output", 1), "Home");
  expect(reading()[1]).toBe("Receptive field: 4 cells; 1 input, x[0] to x[0].");
});

test("the matrix says how many of its entries are weights", async () => {
  await mount(kernel(GUIDE, { matrix_shown: true }));
  expect(find(".dl-matrix-title").textContent).toBe("C: 4 outputs × 16 inputs");
  expect(find(".dl-matrix-note").textContent).toContain("36 weights (56 %)");
  const kind = find("[data-setting=kind]") as HTMLSelectElement;
  kind.value = "max_pool";
  kind.dispatchEvent(new Event("change"));
  expect(find(".dl-matrix-note").textContent).toBe("A maximum is not linear: no matrix gives it.");
});

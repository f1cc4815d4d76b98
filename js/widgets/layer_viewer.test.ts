import { describe, expect, test, vi } from "vitest";

import type { Message } from "../shared/kernel/protocol.ts";
import { f4, FakeModel } from "../shared/testing/model.ts";
import { type End, find, host, hostViews, render } from "../shared/testing/hosted_view.ts";

hostViews();

const plain = { call: 0, text: "", parameters: 0, known: true, filters: false, note: null };
const LAYERS = [
  { ...plain, name: "conv", kind: "Conv2d", shape: [2, 4, 4], layout: "maps", sources: [-1] },
  { ...plain, name: "flat", kind: "Flatten", shape: [32], layout: "vector", sources: [0] },
  { ...plain, name: "out", kind: "Linear", shape: [3], layout: "vector", sources: [1] },
];
const FRAME = {
  revision: 1,
  row: 0,
  target: 2,
  show: "activations",
  largest: [2, 2, 1],
  rows: [{ layer: 0, first: 0, depth: 0 }],
  health: [
    { zeros: null, dead: [], gradient: 1, vanishing: false },
    { zeros: 0.5, dead: [3, 4], gradient: 1e-9, vanishing: true },
  ],
  problem: null,
  training: null,
  guesses: [
    { index: 2, score: 3, probability: 0.9 },
    { index: 0, score: 1, probability: 0.1 },
  ],
};

function kernel(traits: Record<string, unknown> = {}, meta: Record<string, unknown> = {}) {
  const model = new FakeModel({
    language: "en",
    mode: "eval",
    show: "activations",
    scale: "layer",
    attribution: null,
    target: null,
    kept: null,
    goal: null,
    changes: [],
    state: "still",
    message: null,
    ...traits,
  });
  model.answers["hello"] = () => ({
    meta: {
      name: "Net",
      revision: 1,
      layers: LAYERS,
      classes: ["a", "b", "c"],
      examples: 5,
      picture: { height: 4, width: 4, colours: 1, low: 0, high: 1 },
      trainer: false,
      ...meta,
    },
  });
  for (const kind of ["rows.watch", "input.draw", "input.choose", "unit.scale", "changes.undo"]) {
    model.answers[kind] = () => ({});
  }
  model.answers["settings.set"] = ({ meta: changes }: Message) => {
    for (const [name, value] of Object.entries(changes)) model.set(name, value);
    return {};
  };
  model.answers["unit.explain"] = () => ({
    meta: {
      answer: 1.5,
      factor: 1,
      source: 0,
      size: [1, 4, 4],
      kind: "convolution",
      name: "zeros",
      value: 1.5,
      result: 1.5,
      numbers: { bias: 0.5 },
      units: [0],
      chosen: -1,
      links: [{ source: -1, unit: 0, share: 1 }],
      count: 4,
      start: [-1, 0],
      step: [1, 1],
    },
    arrays: {
      map: { shape: [4, 4], values: new Float32Array(16) },
      below: { shape: [4, 4], values: new Float32Array(16) },
      window: { shape: [1, 2, 2], values: Float32Array.of(0, 0, 1, 2) },
      weights: { shape: [1, 2, 2], values: Float32Array.of(9, 9, -1, 1) },
      inside: { shape: [2, 2], values: Uint8Array.of(0, 0, 1, 1) },
    },
  });
  model.answers["unit.field"] = () => ({
    meta: {
      box: [
        [0, 2],
        [1, 4],
      ],
      exact: true,
    },
    arrays: {},
  });
  return model;
}

async function mount(model: FakeModel, frame: Record<string, unknown> = FRAME, end?: End) {
  const { default: widget } = await import("./layer_viewer.ts");
  render(widget, model, end);
  await settle();
  show(model, frame);
  await settle();
  return find(".dl-layer-viewer");
}

function show(model: FakeModel, meta: Record<string, unknown>, seq = 1): void {
  const values = Float32Array.from({ length: 32 }, (_, i) => i / 16);
  const row0 = { shape: [2, 4, 4], values };
  const input = { shape: [1, 4, 4], values: new Float32Array(16) };
  model.say({ kind: "frame.show", meta: { look: seq, ...meta }, arrays: { row0, input }, seq });
}

const settle = () => vi.advanceTimersByTimeAsync(30);

function key(element: HTMLElement, name: string): void {
  element.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true }));
}

const rowOf = (name: string) => find(`.dl-layer[data-layer="${name}"]`);

describe("a view", () => {
  test("shows the layers in order, what they are, and the guesses", async () => {
    const root = await mount(kernel());
    expect(root.dataset).toMatchObject({ layers: "3", guess: "2", connection: "live" });
    const names = [...host.querySelectorAll(".dl-layer-head strong")].map((e) => e.textContent);
    expect(names).toEqual(["conv", "flat", "out"]);
    expect(rowOf("conv").textContent).toContain("Conv2d 2×4×4");
    expect(find(".dl-guess").textContent).toContain("c");
    expect(find(".dl-guess").textContent).toContain("90.0 %");
  });

  test("flags dead units and vanishing gradients in words", async () => {
    await mount(kernel());
    expect(rowOf("flat").textContent).toContain("2 dead · vanishing gradient");
    expect(rowOf("conv").querySelector(".dl-flags")?.textContent).toBe("");
  });

  test("says what stands in the way, and keeps the last picture", async () => {
    const model = kernel({ language: "es" });
    const root = await mount(model);
    const problem = { key: "x", params: { a: "1" }, text: "", templates: { es: "Falta {a}." } };
    show(model, { revision: 1, problem }, 2);
    await settle();
    expect(find(".dl-notice-text").textContent).toBe("Falta 1.");
    expect(root.dataset["guess"]).toBe("2");
  });

  test("asks again when the network has other layers", async () => {
    const model = kernel();
    await mount(model);
    expect(model.requests("hello")).toHaveLength(1);
    show(model, { ...FRAME, revision: 2 }, 2);
    await settle();
    expect(model.requests("hello")).toHaveLength(2);
  });
});

describe("a unit", () => {
  async function chosen(): Promise<FakeModel> {
    const model = kernel();
    await mount(model);
    key(rowOf("conv").querySelector(".dl-units")!, "ArrowRight");
    await settle();
    return model;
  }

  test("is chosen by keys and explained with its numbers", async () => {
    const model = await chosen();
    expect(model.last("unit.explain").meta).toMatchObject({ layer: 0, at: [1, 2, 2] });
    expect(find(".dl-answer").textContent).toBe("1.500");
    expect(find(".dl-sum").textContent).toBe("Σ of 4 products: 1.000 + 0.5000 = 1.500");
    const [window, kernelGrid, products] = [...host.querySelectorAll(".dl-grids table")];
    expect([...window!.querySelectorAll("td")].map((cell) => cell.textContent)).toEqual([
      "0",
      "0",
      "1.0",
      "2.0",
    ]);
    expect(window!.querySelectorAll("[data-padding]")).toHaveLength(2);
    expect(kernelGrid!.querySelectorAll("td")[2]!.textContent).toBe("−1.0");
    expect(products!.querySelector("caption")!.textContent).toBe("Σ 1.000");
    expect(find(".dl-sight").textContent).toContain("Sees 2×3 of the input");
    expect(host.querySelectorAll(".dl-edges path")).toHaveLength(1);
  });

  test("says what a layer of Keras makes of its sums", async () => {
    const model = kernel();
    const answer = model.answers["unit.explain"] as (asked: Message) => { meta: object };
    let look = 1;
    const says = async (more: Record<string, unknown>) => {
      model.answers["unit.explain"] = (asked: Message) => {
        const reply = answer(asked);
        return { ...reply, meta: { ...reply.meta, ...more } };
      };
      show(model, FRAME, ++look);
      await settle();
      return [find(".dl-general").textContent, find(".dl-sum").textContent];
    };
    await mount(model);
    key(rowOf("conv").querySelector(".dl-units")!, "ArrowRight");
    await settle();
    const relu = { then: "relu", result: 0, numbers: { bias: 0.5, sum: -1.5 } };
    expect(await says(relu)).toEqual([
      "z = Σ w · x + b, y = max(0, z)",
      "Σ of 4 products: −2.000 + 0.5000 = −1.500 → relu = 0.000",
    ]);
    const numbers = { bias: 0.5, sum: 1.5, total: 8 };
    expect(await says({ kind: "linear", then: "softmax", result: 0.56, numbers })).toEqual([
      "z = Σ w · x + b, y = eᶻ / Σ eᶻ",
      "Σ of 4 products: 1.000 + 0.5000 = 1.500 → e^1.500 / 8.000 = 0.5600",
    ]);
  });

  test("is taken out, and the way back is there", async () => {
    const model = await chosen();
    find(".dl-strength .dl-button").click();
    expect(model.last("unit.scale").meta).toEqual({ layer: 0, unit: 1, factor: 0 });
    model.set("changes", [{ layer: "conv", call: 0, unit: 1, factor: 0 }]);
    expect(find(".dl-changes").textContent).toContain("1 unit changed");
    find(".dl-changes .dl-button").click();
    expect(model.requests("changes.undo")).toHaveLength(1);
  });

  test("its window moves by keys, and slides by itself until it is held", async () => {
    const model = await chosen();
    const handle = find(".dl-place");
    key(handle, "ArrowDown");
    await settle();
    expect(model.last("unit.explain").meta["at"]).toEqual([1, 3, 2]);
    find(".dl-slide").click();
    await vi.advanceTimersByTimeAsync(400);
    const moved = model.last("unit.explain").meta["at"];
    expect(moved).not.toEqual([1, 3, 2]);
    find(".dl-slide").click();
    await settle();
    await vi.advanceTimersByTimeAsync(1000);
    expect(model.last("unit.explain").meta["at"]).toEqual(moved);
  });

  test("follows each look at the network, and asks nothing where only progress has come", async () => {
    const model = await chosen();
    const before = model.requests("unit.explain").length;
    show(model, FRAME, 2);
    await settle();
    expect(model.requests("unit.explain").length).toBe(before + 1);
    const progress = { name: "integrated_gradients", done: 8, of: 32 };
    show(model, { ...FRAME, look: 2, progress }, 3);
    await settle();
    expect(model.requests("unit.explain").length).toBe(before + 1);
    expect(find(".dl-status-text").textContent).toBe("3 layers · integrated gradients: 8 of 32");
  });

  test("says while its answer is being computed", async () => {
    const model = await chosen();
    delete model.answers["unit.field"];
    show(model, FRAME, 2);
    await settle();
    expect(find(".dl-status-text").textContent).toContain("computing this unit");
    model.refuse(model.last("unit.field"), "no_place", {}, "There is no such place.");
    await settle();
    expect(find(".dl-status-text").textContent).toBe("3 layers");
  });
});

describe("settings", () => {
  test("are asked of the kernel; a click on a class asks about it", async () => {
    const model = kernel();
    await mount(model);
    find(".dl-guess").click();
    await settle();
    expect(model.get("target")).toBe(2);
    expect(find(".dl-guess").getAttribute("aria-pressed")).toBe("true");
    const show = find("[data-setting=show]", HTMLSelectElement);
    show.selectedIndex = 2;
    show.dispatchEvent(new Event("change"));
    expect(model.last("settings.set").meta).toEqual({ show: "filters" });
  });

  test("the slider goes back through the epochs kept, and to the present", async () => {
    const model = kernel({ state: "paused" }, { trainer: true });
    const kept = [
      { step: 0, epoch: 0 },
      { step: 70, epoch: 4 },
    ];
    await mount(model, { ...FRAME, training: { epoch: 4, step: 70, kept } });
    const slider = find("[data-setting=kept]", HTMLInputElement);
    expect(slider.value).toBe("2");
    slider.value = "0";
    slider.dispatchEvent(new Event("input"));
    await settle();
    expect(model.last("settings.set").meta).toEqual({ kept: 0 });
    expect(slider.getAttribute("aria-valuetext")).toBe("0");
    slider.value = "2";
    slider.dispatchEvent(new Event("input"));
    await settle();
    expect(model.last("settings.set").meta).toEqual({ kept: null });
    expect(slider.getAttribute("aria-valuetext")).toBe("now (4)");
  });
});

test("an empty sheet is sent when one clears it", async () => {
  const model = kernel();
  await mount(model);
  find(".dl-drawing .dl-button").click();
  await settle();
  const { arrays } = model.last("input.draw");
  expect(arrays["pixels"]!.shape).toEqual([4, 4]);
  expect(f4(...arrays["pixels"]!.values).values.every((value) => value === 0)).toBe(true);
});

test("an example that is chosen wins over a drawing that waits", async () => {
  const model = kernel();
  await mount(model);
  delete model.answers["input.draw"]; // it takes long
  const clear = find(".dl-drawing .dl-button");
  clear.click();
  await settle();
  clear.click();
  find(".dl-pager button:last-child").click();
  await settle();
  model.reply(model.last("input.draw"));
  await settle();
  const asked = model.sent.filter(({ kind }) => kind.startsWith("input."));
  expect(asked.map(({ kind }) => kind)).toEqual(["input.draw", "input.choose"]);
  expect(asked[1]?.meta).toEqual({ row: 1 });
});

test.each([8, 0])("a picture that is uploaded is let go of once it is read", async (width) => {
  const bitmap = { width, height: 8, close: vi.fn() };
  vi.stubGlobal("createImageBitmap", () => Promise.resolve(bitmap));
  const model = kernel();
  await mount(model);
  if (width === 0) {
    vi.spyOn(HTMLCanvasElement.prototype, "getContext").mockReturnValue({
      drawImage: () => {
        throw new Error("InvalidStateError");
      },
    } as never);
  }
  const files = [new File(["picture"], "seven.png")];
  const drop = Object.assign(new Event("drop", { bubbles: true }), { dataTransfer: { files } });
  find(".dl-paper").dispatchEvent(drop);
  await settle();
  expect(bitmap.close).toHaveBeenCalledOnce();
  if (width === 0) expect(find(".dl-notice").textContent).toContain("seven.png");
  else expect(model.last("input.draw").arrays["pixels"]!.shape).toEqual([4, 4, 3]);
});

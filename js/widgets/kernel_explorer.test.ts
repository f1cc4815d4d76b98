import { beforeEach, describe, expect, test, vi } from "vitest";

import type { Message } from "../shared/kernel/protocol.ts";
import { FakeModel } from "../shared/testing/model.ts";
import { type End, find, host, hostViews, render, view } from "../shared/testing/hosted_view.ts";

hostViews();

beforeEach(() => {
  HTMLElement.prototype.setPointerCapture = vi.fn();
});

const SHARPEN = [
  [
    [0, -1, 0],
    [-1, 5, -1],
    [0, -1, 0],
  ],
];
/** 0 to 15 in four rows. */
const IMAGE = { shape: [1, 4, 4], values: Float32Array.from({ length: 16 }, (_, i) => i) };

function kernel(traits: Record<string, unknown> = {}) {
  const model = new FakeModel({
    language: "en",
    ...{
      channels: "each",
      padding: "same",
      padding_mode: "zeros",
      stride: 1,
      dilation: 1,
      bias: 0,
    },
    ...{ size: 3, sigma: 1, angle: 0, wavelength: 4, seed: 0, display: "clipped" },
    ...{ kernels: SHARPEN, presets: ["sharpen"], filters: null },
    ...{ image_name: "given", image_revision: 1, images: ["given", "cat", "digit_1"] },
    choices: {
      presets: { sharpen: [], gaussian: ["sigma"], random: ["seed"] },
      channels: ["grey", "each", "sum"],
      padding_mode: ["zeros", "reflect", "replicate", "circular"],
      display: ["clipped", "stretched", "signed"],
      ...{ padding: [0, 40, 1], size: [1, 11, 1], stride: [1, 8, 1], dilation: [1, 8, 1] },
      ...{ sigma: [0.1, 10, 0.1], angle: [0, 360, 5], wavelength: [2, 20, 0.5], value: 1e6 },
    },
    edits: 0,
    ...traits,
  });
  const image = () => ({ meta: { image: 1 }, arrays: { image: IMAGE } });
  model.answers["hello"] = image;
  model.answers["image.get"] = image;
  model.answers["kernel.set"] = ({ meta }: Message) => {
    model.set("kernels", meta["kernels"]);
    return {};
  };
  model.answers["settings.set"] = ({ meta }: Message) => {
    for (const [name, value] of Object.entries(meta)) model.set(name, value);
    return {};
  };
  return model;
}

async function mount(model: FakeModel, end?: End): Promise<HTMLElement> {
  const { default: widget } = await import("./kernel_explorer.ts");
  render(widget, model, end);
  await paint();
  return find(".dl-kernel-explorer");
}

async function paint(): Promise<void> {
  await vi.advanceTimersByTimeAsync(40);
}

function press(element: HTMLElement, key: string, more: KeyboardEventInit = {}): void {
  element.dispatchEvent(
    new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more }),
  );
}

const numbers = (block: string) =>
  block === "kernel"
    ? [...host.querySelectorAll(".dl-editor input")].map((each) =>
        Number(each.getAttribute("data-value")),
      )
    : (find(`.dl-block-${block} .dl-numbers`).dataset["values"] ?? "").split(" ").map(Number);
const cell = (index: number) => host.querySelectorAll<HTMLInputElement>(".dl-editor input")[index]!;

describe("a view", () => {
  test("shows window, kernel, products and sum of a pixel", async () => {
    const root = await mount(kernel());
    expect(root.dataset).toMatchObject({ connection: "live", fits: "true", place: "1 1" });
    expect(numbers("window")).toEqual([0, 1, 2, 4, 5, 6, 8, 9, 10]);
    expect(numbers("kernel")).toEqual(SHARPEN.flat(2));
    expect(numbers("products")).toEqual([0, -1, 0, -4, 25, -6, 0, -9, 0]);
    expect(root.dataset["sum"]).toBe("5");
    press(find(".dl-output"), "ArrowUp");
    await paint();
    expect(numbers("window")).toEqual([0, 0, 0, 0, 1, 2, 4, 5, 6]);
    expect(find(".dl-block-window .dl-numbers").dataset["outside"]).toBe("3");
  });

  test("says why there is no output", async () => {
    const root = await mount(kernel({ padding: 0, dilation: 3 }));
    expect(root.dataset["fits"]).toBe("false");
    expect(find(".dl-misfit").textContent).toContain("reaches over 7×7 pixels");
    expect(find(".dl-sum-value").textContent).toBe("–");
  });

  test("asks for another image when there is one", async () => {
    const model = kernel();
    await mount(model);
    model.answers["image.get"] = () => ({
      meta: { image: 2 },
      arrays: { image: { shape: [3, 1, 2], values: Float32Array.from([1, 2, 3, 4, 5, 6]) } },
    });
    model.set("image_revision", 2);
    await paint();
    expect(find(".dl-kernel-explorer").dataset["image"]).toBe("3 1 2");
    expect(find('select[data-setting="plane"]', HTMLSelectElement).length).toBe(3);
  });
});

describe("editing", () => {
  test("by arrow keys shows at once and reaches Python as float32", async () => {
    const model = kernel();
    const root = await mount(model);
    delete model.answers["kernel.set"];
    cell(4).focus();
    press(cell(4), "ArrowUp");
    await paint();
    expect(Number(root.dataset["sum"])).toBeCloseTo(5.5, 5);
    const sent = model.last("kernel.set").meta["kernels"] as number[][][];
    expect(sent[0]![1]![1]).toBe(Math.fround(5.1));
    press(cell(4), "ArrowRight");
    expect(document.activeElement).toBe(cell(5));
  });

  test("by typing, and a sentence for what is not a number", async () => {
    const model = kernel();
    await mount(model);
    cell(0).focus();
    cell(0).value = "2,5";
    cell(0).dispatchEvent(new Event("input", { bubbles: true }));
    press(cell(0), "Enter");
    await paint();
    expect(numbers("kernel")[0]).toBe(2.5);
    cell(1).focus();
    cell(1).value = "x";
    cell(1).dispatchEvent(new Event("input", { bubbles: true }));
    cell(1).blur();
    expect(find(".dl-notice-text").textContent).toContain("“x” is not a number");
    expect(numbers("kernel")[1]).toBe(-1);
  });

  test("by dragging", async () => {
    await mount(kernel());
    const drag = (type: string, clientX: number) =>
      cell(8).dispatchEvent(new PointerEvent(type, { bubbles: true, button: 0, clientX }));
    drag("pointerdown", 10);
    drag("pointermove", 30);
    drag("pointerup", 30);
    drag("pointermove", 90);
    await paint();
    expect(numbers("kernel")[8]).toBe(0.5);
  });

  test("is taken back by the button and by Ctrl+Z, which a field that is typed into keeps", async () => {
    const model = kernel();
    await mount(model);
    const button = find('[aria-label="Undo the kernel\'s last change"]');
    button.click();
    cell(0).focus();
    press(cell(0), "z", { ctrlKey: true });
    expect(model.requests("kernel.revert")).toEqual([]);
    expect(button.getAttribute("aria-disabled")).toBe("true");
    model.set("edits", 2);
    expect(button.getAttribute("aria-disabled")).toBe("false");
    button.click();
    press(cell(0), "z", { ctrlKey: true });
    expect(model.requests("kernel.revert")).toHaveLength(2);
    cell(0).value = "7";
    cell(0).dispatchEvent(new Event("input", { bubbles: true }));
    press(cell(0), "z", { ctrlKey: true });
    expect(model.requests("kernel.revert")).toHaveLength(2);
  });

  test("of one channel's own kernel leaves the others", async () => {
    const model = kernel({ kernels: [...SHARPEN, ...SHARPEN, ...SHARPEN] });
    model.answers["hello"] = () => ({
      meta: { image: 1 },
      arrays: { image: { shape: [3, 4, 4], values: new Float32Array(48) } },
    });
    await mount(model);
    const plane = find('select[data-setting="plane"]', HTMLSelectElement);
    plane.selectedIndex = 1;
    plane.dispatchEvent(new Event("change"));
    press(cell(0), "PageUp");
    await paint();
    const sent = model.last("kernel.set").meta["kernels"] as number[][][];
    expect(sent.map((each) => each[0]![0])).toEqual([0, 1, 0]);
  });
});

describe("the camera", () => {
  const open = async (getUserMedia: (() => Promise<unknown>) | null) => {
    vi.stubGlobal("navigator", {
      language: "en",
      ...(getUserMedia === null ? {} : { mediaDevices: { getUserMedia } }),
    });
    await mount(kernel());
    find('[data-tool="camera"]').click();
    await paint();
  };

  test.each([
    { media: null, said: "There is no camera" },
    {
      media: () => Promise.reject(new DOMException("", "NotAllowedError")),
      said: "did not give access",
    },
  ])("that cannot be used is told of: $said", async ({ media, said }) => {
    await open(media);
    expect(find(".dl-notice-text").textContent).toContain(said);
  });

  test("ends with the view, and sends nothing", async () => {
    const stop = vi.fn();
    HTMLVideoElement.prototype.play = () => Promise.resolve();
    await open(() => Promise.resolve({ getTracks: () => [{ stop }] }));
    expect(find('[data-tool="camera"]').getAttribute("aria-pressed")).toBe("true");
    view.abort();
    expect(stop).toHaveBeenCalledOnce();
    expect(vi.getTimerCount()).toBe(0);
  });
});

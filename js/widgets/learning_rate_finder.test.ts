import { describe, expect, test, vi } from "vitest";

import type { Message } from "../shared/protocol.ts";
import { f4, FakeModel } from "../shared/testing/model.ts";
import {
  census,
  type End,
  ENDS,
  find,
  host,
  hostViews,
  render,
  view,
} from "../shared/testing/hosted_view.ts";

const RATES = [1e-4, 1e-3, 1e-2, 1e-1, 1];
const LOSSES = [2, 1.9, 1, 0.4, 3];
const SMOOTHED = [2, 1.95, 1.4, 0.8, 2];

hostViews();

function kernel(meta: Record<string, unknown> = {}, traits: Record<string, unknown> = {}) {
  const model = new FakeModel({
    language: "en",
    chosen: null,
    state: "ready",
    message: null,
    ...traits,
  });
  const found = { suggestion: 0.01, current: 0.03, scale: "exponential", stopped: null };
  model.answers["hello"] = () => ({
    meta: { ...found, name: "lenet", ...meta },
    arrays: { rates: f4(...RATES), losses: f4(...LOSSES), smoothed: f4(...SMOOTHED) },
  });
  model.answers["rate.use"] = ({ meta: { value } }: Message) => {
    model.set("chosen", value);
    return {};
  };
  return model;
}

async function mount(model: FakeModel, end?: End): Promise<HTMLElement> {
  const { default: widget } = await import("./learning_rate_finder.ts");
  render(widget, model, end);
  await vi.advanceTimersByTimeAsync(20);
  return find(".dl-learning-rate-finder");
}

function key(name: string): void {
  find(".dl-plot").dispatchEvent(new KeyboardEvent("keydown", { key: name, cancelable: true }));
}

function pointer(type: string, clientX: number): void {
  find(".dl-plot").dispatchEvent(new MouseEvent(type, { clientX, bubbles: true }));
}

/** Where a rate is in the plot, in a host without layout. */
function place(rate: number): number {
  return 48 + ((Math.log10(rate) + 4) / 4) * (800 - 48 - 16);
}

const readings = () =>
  [...host.querySelectorAll(".dl-reading-value")].map((element) => element.textContent);
const used = (model: FakeModel) => model.requests("rate.use").map(({ meta }) => meta["value"]);

describe("a view", () => {
  test("draws both curves, the suggestion and the rate in use", async () => {
    const root = await mount(kernel());
    expect(root.dataset).toMatchObject({ points: "5", rate: "0.03", connection: "live" });
    for (const curve of [".dl-plot .dl-raw", ".dl-plot .dl-smoothed"]) {
      expect(find(curve, SVGElement).getAttribute("d")!.split("L")).toHaveLength(5);
    }
    expect(find(".dl-suggestion-name", SVGElement).textContent).toBe("suggestion: 0.01");
    expect(find(".dl-in-use-name", SVGElement).textContent).toBe("in use: 0.03");
    const x = Number(
      /^M([\d.]+)/.exec(find(".dl-plot .dl-in-use", SVGElement).getAttribute("d")!)![1],
    );
    expect(x).toBeCloseTo(place(0.03), 3);
    expect(find(".dl-title").textContent).toContain("lenet");
    expect(find(".dl-use").textContent).toBe("Use 0.01");
    expect(find("[role=status]").textContent).toBe("0.03, as before the test");
  });

  test("says why the test ended early, and why it suggests nothing", async () => {
    const said = (key: string, params: object, es: string) => ({
      key,
      params,
      text: "",
      templates: { es },
    });
    const stopped = said("range_rose", { rate: "1.3" }, "Terminó en {rate}.");
    const message = said("range_no_descent", { low: "0.1" }, "No baja desde {low}.");
    await mount(kernel({ suggestion: null, stopped }, { message, language: "es" }));
    expect(find(".dl-stopped").textContent).toBe("Terminó en 1.3.");
    expect(find(".dl-reason").textContent).toBe("No baja desde 0.1.");
    expect(find(".dl-use").hidden).toBe(true);
    expect(host.querySelector(".dl-plot .dl-suggestion-sign")).toBeNull();
  });

  test("of a test that measured nothing is there all the same", async () => {
    const model = kernel({ suggestion: null });
    model.answers["hello"] = () => ({
      meta: { suggestion: null, current: 0.03, scale: "exponential", stopped: null, name: null },
      arrays: { rates: f4(), losses: f4(), smoothed: f4() },
    });
    await mount(model);
    expect(find(".dl-plot").getAttribute("aria-valuetext")).toBe("Nothing was measured");
    pointer("click", 300);
    key("Enter");
    expect(used(model)).toEqual([]);
  });

  test("tells of a reply that it cannot read", async () => {
    const model = kernel();
    model.answers["hello"] = () => ({ meta: {}, arrays: { rates: f4(1) } });
    await mount(model);
    expect(find(".dl-notice").hidden).toBe(false);
  });

  test.each(ENDS)(
    "leaves no listener, observer, timer or element behind when %s ends it",
    async (end) => {
      const before = { observers: census.observers(), listeners: census.listeners() };
      const model = kernel();
      await mount(model, end);
      pointer("pointermove", 300);
      find(".dl-use").click();
      await vi.advanceTimersByTimeAsync(20);
      expect(census.observers()).toBeGreaterThan(before.observers);
      view.abort();
      expect(model.listenerCount).toBe(0);
      expect(census.observers()).toBe(before.observers);
      expect(census.listeners()).toBe(before.listeners);
      expect(vi.getTimerCount()).toBe(0);
      expect(host.childElementCount).toBe(0);
    },
  );
});

describe("the cursor", () => {
  test("snaps to the nearest measurement under the pointer and reads it", async () => {
    await mount(kernel());
    expect(readings()).toEqual(["–", "–", "–"]);
    pointer("pointermove", place(0.0123));
    expect(readings()).toEqual(["0.01", "1.000", "1.400"]);
    expect(host.querySelectorAll(".dl-cursor circle")).toHaveLength(2);
    pointer("pointerleave", 0);
    expect(readings()).toEqual(["–", "–", "–"]);
    expect(host.querySelectorAll(".dl-cursor circle")).toHaveLength(0);
  });

  test("is moved by keys, begins at the suggestion and stays within the curve", async () => {
    await mount(kernel());
    const plot = find(".dl-plot");
    plot.focus();
    expect(plot.getAttribute("aria-valuetext")).toBe("Rate 0.01: loss 1.000, smoothed 1.400");
    const walk = ["ArrowRight", "ArrowLeft", "ArrowDown", "ArrowUp", "Home", "ArrowLeft", "End"];
    const places = walk.map((name) => {
      key(name);
      return Number(plot.getAttribute("aria-valuenow"));
    });
    expect(places).toEqual([3, 2, 1, 2, 0, 0, 4]);
    key("PageDown");
    expect(plot.getAttribute("aria-valuenow")).toBe("0");
    plot.blur();
    expect(readings()[0]).toBe("–");
  });

  test("keeps its keys from the notebook, and leaves it the others", async () => {
    await mount(kernel());
    const heard: string[] = [];
    host.addEventListener("keydown", (event) => heard.push(event.key));
    const plot = find(".dl-plot");
    for (const name of ["ArrowRight", "Enter", "Tab", "j"]) {
      plot.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true }));
    }
    expect(heard).toEqual(["Tab", "j"]);
  });
});

describe("a rate is used", () => {
  test("by a click on the curve, shown at once", async () => {
    const model = kernel();
    const root = await mount(model);
    delete model.answers["rate.use"];
    pointer("click", place(0.12));
    expect(used(model)).toEqual([0.1]);
    expect(root.dataset["rate"]).toBe("0.1");
    expect(root.getAttribute("aria-busy")).toBe("true");
    model.set("chosen", 0.1);
    model.reply(model.last("rate.use"));
    await vi.advanceTimersByTimeAsync(1);
    expect(root.getAttribute("aria-busy")).toBe("false");
    expect(find(".dl-in-use-name", SVGElement).textContent).toBe("in use: 0.1");
    expect(find("[role=status]").textContent).toBe("Trains with 0.1 from now on");
  });

  test("by Enter and by the space bar", async () => {
    const model = kernel();
    await mount(model);
    find(".dl-plot").focus();
    key("ArrowRight");
    key("Enter");
    await vi.advanceTimersByTimeAsync(1);
    key("Home");
    key(" ");
    expect(used(model)).toEqual([0.1, 1e-4]);
  });

  test("by the button, once", async () => {
    const model = kernel();
    await mount(model);
    const button = find(".dl-use");
    button.click();
    await vi.advanceTimersByTimeAsync(1);
    expect(used(model)).toEqual([0.01]);
    expect(button.textContent).toBe("0.01 in use");
    expect(button.getAttribute("aria-disabled")).toBe("true");
    button.click();
    expect(used(model)).toEqual([0.01]);
  });

  test("by typing it", async () => {
    const model = kernel();
    await mount(model);
    const input = find(".dl-number input", HTMLInputElement);
    expect(input.value).toBe("0.03");
    input.value = "2e-3";
    input.dispatchEvent(new Event("input"));
    input.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter" }));
    await vi.advanceTimersByTimeAsync(1);
    expect(used(model)).toEqual([0.002]);
    expect(input.value).toBe("0.002");
  });

  test("from Python", async () => {
    const model = kernel();
    const root = await mount(model);
    model.set("chosen", 0.5);
    expect(root.dataset["rate"]).toBe("0.5");
    expect(find(".dl-in-use-name", SVGElement).textContent).toBe("in use: 0.5");
  });

  test("and goes back when it is refused", async () => {
    const model = kernel({}, { language: "es" });
    const root = await mount(model);
    delete model.answers["rate.use"];
    pointer("click", place(1));
    const params = { name: "rate", low: "1e-12", high: "1000000.0", given: "1" };
    model.refuse(model.last("rate.use"), "number", params, "rate must be a number.");
    await vi.advanceTimersByTimeAsync(1);
    expect(root.dataset["rate"]).toBe("0.03");
    expect(find(".dl-notice-text").textContent).toBe("Tasa de aprendizaje must be a number.");
  });
});

import { describe, expect, test, vi } from "vitest";

import type { Message } from "../shared/kernel/protocol.ts";
import { f4, FakeModel } from "../shared/testing/model.ts";
import { type End, find, host, hostViews, render } from "../shared/testing/hosted_view.ts";

const RATES = [1e-4, 1e-3, 1e-2, 1e-1, 1];
const LOSSES = [2, 1.9, 1, 0.4, 3];
const SMOOTHED = [2, 1.95, 1.4, 0.8, 2];
/** The width of a host without layout, and of the plot in it. */
const [WIDTH, LEFT, RIGHT] = [800, 62, 14];

hostViews();

function kernel(meta: Record<string, unknown> = {}, traits: Record<string, unknown> = {}) {
  const model = new FakeModel({
    language: "en",
    chosen: null,
    state: "ready",
    message: null,
    ...traits,
  });
  const found = { suggestion: 0.01, current: 0.03, scale: "exponential", shown: [0.3, 2.6] };
  model.answers["hello"] = () => ({
    meta: { ...found, stopped: null, name: "lenet", ...meta },
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

function key(name: string): KeyboardEvent {
  const event = new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true });
  find(".dl-area").dispatchEvent(event);
  return event;
}

function pointer(type: string, rate: number): void {
  const clientX = ((Math.log10(rate) + 4) / 4) * (WIDTH - LEFT - RIGHT);
  find(".dl-area").dispatchEvent(new MouseEvent(type, { clientX, bubbles: true }));
}

function click(rate: number): void {
  pointer("pointerdown", rate);
  pointer("click", rate);
}

const readings = () =>
  [...host.querySelectorAll(".dl-reading-value")].map((element) => element.textContent);
const used = (model: FakeModel) => model.requests("rate.use").map(({ meta }) => meta["value"]);
const mark = (name: string) => find(`[data-mark=${name}]`).textContent;

test("the suggestion and the rate in use stand in the plot, at their places", async () => {
  const root = await mount(kernel());
  expect(root.dataset).toMatchObject({ points: "5", rate: "0.03", connection: "live" });
  expect(mark("suggestion")).toBe("suggestion: 0.01");
  expect(find("[data-mark=suggestion] .dl-mark-sign")).toBeTruthy();
  expect(mark("in_use")).toBe("in use: 0.03");
  const place = ((Math.log10(0.03) + 4) / 4) * (WIDTH - LEFT - RIGHT);
  expect(parseFloat(find("[data-mark=in_use]").style.left)).toBeCloseTo(place, 3);
  expect(find(".dl-header").textContent).toContain("lenet");
  expect(find(".dl-use").textContent).toBe("Use 0.01");
  expect(find("[role=status]").textContent).toBe("0.03, as before the test");
});

test("it says why the test ended early, and why it suggests nothing", async () => {
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
  expect(host.querySelector("[data-mark=suggestion]")).toBeNull();
});

test("a test that measured nothing is there all the same", async () => {
  const model = kernel();
  model.answers["hello"] = () => ({
    meta: { suggestion: null, current: 0.03, scale: "exponential", shown: [0, 1], name: null },
    arrays: { rates: f4(), losses: f4(), smoothed: f4() },
  });
  await mount(model);
  expect(find(".dl-area").getAttribute("aria-valuetext")).toBe("Nothing was measured");
  click(0.01);
  key("Enter");
  expect(used(model)).toEqual([]);
});

test("it tells of a reply that it cannot read", async () => {
  const model = kernel();
  model.answers["hello"] = () => ({ meta: {}, arrays: { rates: f4(1) } });
  await mount(model);
  expect(find(".dl-notice").hidden).toBe(false);
});

test("the cursor begins at the suggestion and reads rate and losses", async () => {
  await mount(kernel());
  expect(readings()).toEqual(["–", "–", "–"]);
  find(".dl-area").focus();
  expect(readings()).toEqual(["0.01", "1.000", "1.400"]);
  expect(find(".dl-area").getAttribute("aria-valuetext")).toBe(
    "Rate 0.01: loss 1.000, smoothed 1.400",
  );
});

test.each([
  [0.0123456, "0.0123"],
  [1.234e-6, "1.23e−6"],
])("the rate %d is written %s", async (current, text) => {
  await mount(kernel({ current }));
  expect(find("[role=status]").textContent).toBe(`${text}, as before the test`);
});

describe("a rate is used", () => {
  test("by a click on the curve, shown at once", async () => {
    const model = kernel();
    const root = await mount(model);
    delete model.answers["rate.use"];
    click(0.12);
    expect(used(model)).toEqual([0.1]);
    expect(root.dataset["rate"]).toBe("0.1");
    expect(root.getAttribute("aria-busy")).toBe("true");
    model.set("chosen", 0.1);
    model.reply(model.last("rate.use"));
    await vi.advanceTimersByTimeAsync(1);
    expect(root.getAttribute("aria-busy")).toBe("false");
    expect(mark("in_use")).toBe("in use: 0.1");
    expect(find("[role=status]").textContent).toBe("Trains with 0.1 from now on");
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

  test("and goes back when it is refused", async () => {
    const model = kernel({}, { language: "es" });
    const root = await mount(model);
    delete model.answers["rate.use"];
    click(1);
    const params = { name: "rate", low: "1e-12", high: "1000000.0", given: "1" };
    model.refuse(model.last("rate.use"), "number", params, "rate must be a number.");
    await vi.advanceTimersByTimeAsync(1);
    expect(root.dataset["rate"]).toBe("0.03");
    expect(find(".dl-notice-text").textContent).toBe("Tasa de aprendizaje must be a number.");
  });
});

import { expect, test, vi } from "vitest";

import { f4, FakeModel } from "../shared/testing/model.ts";
import { find, host, hostViews, render } from "../shared/testing/hosted_view.ts";

const setting = (name: string, kind: string, more: object) => {
  return { name, kind, group: "drawn", default: null, ...more };
};
const SCHEMA = [
  setting("switch", "choice", { group: null, allowed: ["weight_decay", "early_stopping"] }),
  setting("initialization", "choice", { allowed: ["he", "default"] }),
  setting("dropout", "number", { low: 0.05, high: 0.9, step: 0.05 }),
  setting("weight_decay", "number", { low: 1e-5, high: 1, step: 0.01, log: true }),
  setting("patience", "number", { low: 5, high: 200, step: 5, whole: true }),
  setting("augmentation", "number", { low: 0.05, high: 0.5, step: 0.05 }),
  setting("running", "flag", {}),
];
const VALUES = {
  switch: "weight_decay",
  initialization: "he",
  dropout: 0.5,
  weight_decay: 0.01,
  patience: 30,
  augmentation: 0.2,
  running: true,
};
const told = (more: object) => ({
  ...{ train: 0.001, test: 1.78, accuracy: 0.903, dead: 0.2, best: 0.21, best_step: 15 },
  ...{ stopped: null, diverged: false, ...more },
});

hostViews();

async function mount(sides: object = {}, done = false): Promise<FakeModel> {
  const { default: widget } = await import("./training_choices.ts");
  const model = new FakeModel({ language: "en", schema: SCHEMA, code: true, ...VALUES });
  const both = { left: told({}), right: told({ test: 0.243, dead: null }), ...sides };
  model.answers["hello"] = () => ({
    meta: { steps: 500, done, own: {}, sides: both },
    arrays: Object.fromEntries(
      ["left", "right"].flatMap((side) => [
        [`${side}_step`, f4(0, 5, 10)],
        [`${side}_train`, f4(0.7, 0.4, 0.2)],
        [`${side}_test`, f4(0.7, 0.5, 0.6)],
        [`${side}_signal`, side === "left" ? f4(0.5, 0.25) : f4()],
      ]),
    ),
  });
  model.answers["settings.set"] = ({ meta }) => {
    for (const [name, value] of Object.entries(meta)) model.set(name, value);
    return {};
  };
  model.answers["run.again"] = () => ({});
  render(widget, model);
  await vi.advanceTimersByTimeAsync(20);
  return model;
}

const facts = (side: string) =>
  [...host.querySelectorAll(`[data-side=${side}] .dl-fact-value`)].map((one) => one.textContent);

test("both sides say where they stand", async () => {
  await mount();
  expect(facts("left")).toEqual([
    "0.001",
    "1.780",
    "90.3 %",
    "0.210 (step 15)",
    "20.0 %",
    "0.5000 → 0.2500",
  ]);
  expect(facts("right").slice(4)).toEqual(["–", "–"]);
  expect(find("[data-side=left] h4").textContent).toBe("Without weight decay");
  expect(find("[data-side=right] [data-mark=best]").textContent).toBe("best");
});

test("the amount of the switch stands beside the run that has it", async () => {
  const model = await mount();
  const shown = () =>
    [...host.querySelectorAll<HTMLElement>("[data-side=right] .dl-side-head [data-setting]")]
      .filter((one) => one.closest("[hidden]") === null)
      .map(({ dataset }) => dataset["setting"]);
  expect(shown()).toEqual(["weight_decay"]);
  const slider = find("[data-setting=weight_decay]", HTMLInputElement);
  // Three of five powers of ten: at 60 of 100 places.
  expect(slider.value).toBe("60");
  slider.value = "80";
  slider.dispatchEvent(new Event("input"));
  expect(model.last("settings.set").meta).toEqual({ weight_decay: 0.1 });
  model.set("switch", "early_stopping");
  expect(shown()).toEqual(["patience"]);
  expect(find("[data-side=right] h4").textContent).toBe("With early stopping");
});

test("one cursor reads both charts", async () => {
  await mount();
  find("[data-side=left] .dl-area").focus();
  const values = [...host.querySelectorAll(".dl-reading-value")].map((one) => one.textContent);
  expect(values).toEqual(["0", "0.700", "0.700", "0", "0.700", "0.700"]);
});

test("the button pauses, and begins anew when all is done", async () => {
  const model = await mount();
  find(".dl-play").click();
  expect(model.last("settings.set").meta).toEqual({ running: false });
  await vi.advanceTimersByTimeAsync(1);
  expect(find(".dl-status-text").textContent).toBe("Paused at step 10");
});

test("it says that a run took off, and that both are done", async () => {
  const model = await mount({ left: told({ diverged: true, train: null }) }, true);
  expect(find(".dl-status-text").textContent).toContain("Diverged");
  expect(facts("left")[0]).toBe("–");
  find(".dl-play").click();
  expect(model.requests("run.again")).toHaveLength(1);
});

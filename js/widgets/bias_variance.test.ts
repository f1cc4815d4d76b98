import { expect, test, vi } from "vitest";

import { f4, FakeModel } from "../shared/testing/model.ts";
import { find, host, hostViews, render } from "../shared/testing/hosted_view.ts";

const SCHEMA = [
  { name: "family", kind: "choice", group: null, default: "polynomial", allowed: ["polynomial"] },
  { name: "capacity", kind: "number", group: "drawn", default: 3, low: 0, high: 400, step: 1 },
];
const LOW = [0, 0, 0];

hostViews();

async function mount(meta: object = {}): Promise<FakeModel> {
  const { default: widget } = await import("./bias_variance.ts");
  const model = new FakeModel({
    ...{ language: "en", schema: SCHEMA, code: true, family: "polynomial", capacity: 200 },
  });
  model.answers["hello"] = () => ({
    meta: {
      ...{ capacity: 3, limits: [0, 40], taken: 15, own: false, noise: 0.09, done: false },
      numbers: { train: 0.07, test: 0.116, bias: 0.0054, variance: 0.0206 },
      ...meta,
    },
    arrays: {
      ...{ grid: f4(-1, 0, 1), truth: f4(...LOW), mean: f4(...LOW), low: f4(...LOW) },
      ...{ high: f4(...LOW), fits: f4(...LOW, ...LOW), x: f4(-1, 1), y: f4(0.1, 0.2) },
      ...{ capacities: f4(0, 1, 40), train: f4(0.5, 0.3, 0), test: f4(0.6, 0.3, 0.2) },
      ...{ bias: f4(0.5, 0.2, 0.01), variance: f4(0.01, 0.01, 0.1) },
    },
  });
  model.answers["settings.set"] = ({ meta: asked }) => {
    for (const [name, value] of Object.entries(asked)) model.set(name, value);
    return {};
  };
  render(widget, model);
  await vi.advanceTimersByTimeAsync(20);
  return model;
}

test("numbers, and what the capacity is", async () => {
  await mount();
  const values = [...host.querySelectorAll(".dl-fact-value")].map((one) => one.textContent);
  expect(values).toEqual(["0.005400", "0.02060", "0.1160", "0.07000"]);
  expect(find("[data-side=fits] h4").textContent).toBe("Degree 3, 15 points");
  expect(find("[data-mark=capacity]").textContent).toBe("3");
  expect(find(".dl-status-text").textContent).toBe("Training the other capacities …");
});

test("of points whose truth nobody knows the bias has the noise in it", async () => {
  await mount({ own: true, done: true });
  expect(find("[data-side=fits] .dl-fact .dl-label").textContent).toBe("bias² + noise");
  expect(find(".dl-status-text").textContent).toBe("");
});

test("the slider goes as far as the family does", async () => {
  const model = await mount();
  const slider = find("input[data-setting=capacity]", HTMLInputElement);
  expect([slider.min, slider.max, slider.value]).toEqual(["0", "40", "40"]);
  slider.value = "7";
  slider.dispatchEvent(new Event("input"));
  expect(model.last("settings.set").meta).toEqual({ capacity: 7 });
});

test("keys move along the errors, and Enter looks at a capacity", async () => {
  const model = await mount();
  const area = find("[data-side=errors] .dl-area");
  area.focus();
  const press = (key: string) => {
    area.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  };
  press("End");
  const readings = () =>
    [...host.querySelectorAll("[data-side=errors] .dl-reading-value")].map(
      (one) => one.textContent,
    );
  expect(readings()).toEqual(["40", "0.000", "0.2000"]);
  press("ArrowLeft");
  press("Enter");
  expect(model.last("settings.set").meta).toEqual({ capacity: 1 });
});

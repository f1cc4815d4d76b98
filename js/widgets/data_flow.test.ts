import { expect, test, vi } from "vitest";

import { f4, FakeModel } from "../shared/testing/model.ts";
import { find, host, hostViews, render } from "../shared/testing/hosted_view.ts";

const STAGES = ["wait", "forward", "loss", "backward", "update", "step", "rest", "begin", "end"];
const STATIONS = {
  data: { name: "Photos", rows: 60_000 },
  queue: { ready: 3, room: 5, workers: 2 },
  batch: { inputs: "tensor [32, 8] float32", targets: "tensor [32] int64" },
  model: { name: "LeNet", numbers: 61_706 },
  loss: { name: "cross_entropy", value: 0.25 },
  backward: { tensors: 10 },
  optimizer: { name: "SGD", rate: 0.05 },
  step: { steps: 1234, epoch: 2 },
  save: { path: "/home/me/runs/last.pt", age: 75, kept: 3 },
};

hostViews();

async function mount(meta: object = {}, language = "en"): Promise<HTMLElement> {
  const { default: widget } = await import("./data_flow.ts");
  const model = new FakeModel({ language, schema: [], code: false, problem: null });
  model.answers["hello"] = () => ({
    meta: {
      state: "running",
      stations: STATIONS,
      stages: STAGES,
      waiting: 0.6,
      rate: 50,
      advice: "workers",
      measured: 9,
      codes: { loss: "loss = cross_entropy(outputs, targets)" },
      ...meta,
    },
    arrays: { seconds: f4(0.011, 0.002, 0.001, 0.003, 0.002, 0, 0, 0.001, 0) },
  });
  render(widget, model);
  await vi.advanceTimersByTimeAsync(20);
  return find(".dl-data-flow");
}

const lines = (key: string) =>
  [...find(`[data-box=${key}] .dl-flow-lines`).children].map(({ textContent }) => textContent);

test("each box says what it holds, and how long it takes", async () => {
  await mount();
  expect(lines("data")).toEqual(["Photos", "60,000 examples", ""]);
  expect(lines("queue")).toEqual(["3 of 5 ready", "2 workers", "12 ms · 60 %"]);
  expect(lines("batch")).toEqual(["[32, 8] float32", "[32] int64", ""]);
  expect(lines("model")).toEqual(["LeNet", "61,706 weights", "2 ms · 10 %"]);
  expect(lines("loss")).toEqual(["cross_entropy", "is 0.250", "1 ms · 5 %"]);
  expect(lines("step")).toEqual(["step 1,234 · epoch 2", "50.00 a second", ""]);
  expect(lines("save")).toEqual(["runs/last.pt", "1 min 15 s ago", ""]);
  expect(find(".dl-flow").hasAttribute("data-running")).toBe(true);
});

test("the bar has the stages that take time, and the sentence what to do", async () => {
  const root = await mount();
  const shown = [...root.querySelectorAll<HTMLElement>(".dl-stage")].filter(
    ({ hidden }) => !hidden,
  );
  expect(shown.map(({ dataset }) => dataset["stage"])).toEqual([
    "wait",
    "forward",
    "loss",
    "backward",
    "update",
    "begin",
  ]);
  expect(shown[0]!.getAttribute("aria-label")).toContain("11 ms of a mean step: 55 %");
  expect(find(".dl-times").textContent).toContain("waits 60 % of the time");
  expect(find(".dl-times").textContent).toContain("num_workers=2");
  expect(find(".dl-times").hasAttribute("data-slow")).toBe(true);
});

test("a click tells what happens in a box and the code; another click puts it away", async () => {
  await mount();
  expect(find(".dl-detail pre").hidden).toBe(true);
  find("[data-box=loss]").click();
  expect(find(".dl-detail code").textContent).toBe("loss = cross_entropy(outputs, targets)");
  expect(find("[data-box=loss]").getAttribute("aria-pressed")).toBe("true");
  find("[data-box=loss]").click();
  expect(find(".dl-detail pre").hidden).toBe(true);
});

test("before anything was measured it asks for a start, in Spanish too", async () => {
  await mount({ waiting: null, advice: null, state: "idle", rate: 0 }, "es");
  expect(find(".dl-times").textContent).toContain("Inicia el entrenamiento");
  expect(find(".dl-status-text").textContent).toBe("Sin empezar");
  expect(host.querySelector(".dl-flow[data-running]")).toBeNull();
});

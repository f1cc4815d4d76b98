import { expect, test, vi } from "vitest";

import { f4, FakeModel } from "../shared/testing/model.ts";
import { find, host, hostViews, render } from "../shared/testing/hosted_view.ts";

const drawn = { group: "drawn" };
const SCHEMA = [
  ...[
    ["task", ["prediction", "classes", "outlier", "pairs"]],
    ["cost", ["MSE", "BCE"]],
    ["class_cost", ["CrossEntropy", "NLL"]],
    ["pair_cost", ["TripletMargin"]],
    ["output", ["identity", "sigmoid"]],
  ].map(([name, allowed]) => ({ name, kind: "choice", ...drawn, allowed })),
  { name: "compared", kind: "chosen", ...drawn, allowed: ["MSE", "BCE"] },
  ...["target", "smoothing", "gamma", "delta", "tau", "variance", "margin"].map((name) => ({
    name,
    kind: "number",
    ...drawn,
    low: 0,
    high: 3,
    step: 0.1,
  })),
];
const TRAITS = {
  ...{ task: "prediction", cost: "MSE", class_cost: "CrossEntropy", pair_cost: "TripletMargin" },
  ...{ output: "sigmoid", compared: ["BCE"], target: 1, smoothing: 0, weights: [2], gamma: 2 },
  ...{ delta: 1, tau: 0.9, variance: 1, margin: 1, right: 0, logits: [2, 1], outlier: [2, -3] },
  ...{ anchor: [0, 0], positive: [1, 0], negative: [0, 1] },
};
const told = { name: "MSE", formula: String.raw`(\hat y - y)^2`, code: "F.mse_loss(y_hat, y)" };
const values = { delta: 1 };
const PREDICTION = {
  meta: {
    task: "prediction",
    told: { ...told, derivative: "1" },
    names: ["MSE", "BCE"],
    values,
    counting: ["cost", "target"],
  },
  arrays: {
    z: f4(-5, 0, 5),
    prediction: f4(0.007, 0.5, 0.993, 0.007, 0.5, 0.993),
    value: f4(0.99, 0.25, 0, 5, 0.7, 0.01),
    gradient: f4(-2, -1, 0, -149, -2, -1),
    arriving: f4(-0.0132, -0.25, 0, -0.9933, -0.5, -0.007),
  },
};
const CLASSES = {
  meta: {
    task: "classes",
    told,
    names: ["CrossEntropy", "NLL"],
    chosen: 0,
    right: 0,
    values,
    counting: ["class_cost", "smoothing"],
  },
  arrays: {
    probabilities: f4(0.75, 0.25),
    target: f4(1, 0),
    gradients: f4(-0.25, 0.25, -0.5, 0.5),
    costs: f4(0.3, 0.6),
  },
};
const OUTLIER = {
  meta: { task: "outlier", names: ["MSE", "L1"], values, counting: ["delta"] },
  arrays: { x: f4(0, 1, 2), y: f4(0, 1, -3), lines: f4(0.5, -0.25, 0, 1), costs: f4(1, 2) },
};
const PAIRS = {
  meta: { task: "pairs", told, names: ["TripletMargin"], chosen: 0, values, counting: ["margin"] },
  arrays: { gradients: f4(0, 0, 1, 0, 3, 4), costs: f4(0.5) },
};

hostViews();

async function mount(reply: object): Promise<FakeModel> {
  const model = new FakeModel({ language: "en", schema: SCHEMA, ...TRAITS });
  model.answers["hello"] = () => reply;
  model.answers["settings.set"] = ({ meta }) => {
    for (const [name, value] of Object.entries(meta)) model.set(name, value);
    return {};
  };
  const { default: widget } = await import("./cost_explorer.ts");
  render(widget, model);
  await vi.advanceTimersByTimeAsync(20);
  return model;
}

const shownTasks = () =>
  [...host.querySelectorAll<HTMLElement>(".dl-task:not([hidden])")].map(
    ({ dataset }) => dataset["task"],
  );
const rows = (task: string) =>
  [...host.querySelectorAll(`.dl-task[data-task=${task}] tbody tr`)].map((row) =>
    [...row.children].map(({ textContent }) => textContent),
  );

test("of one prediction the cost and what arrives are read at the same place", async () => {
  await mount(PREDICTION);
  expect(shownTasks()).toEqual(["prediction"]);
  const [cost, arriving] = ["The cost C", "What arrives"].map((label) =>
    find(`[aria-label^='${label}']`),
  );
  cost!.focus();
  expect(cost!.getAttribute("aria-valuetext")).toBe("z −5.000 ŷ 0.007000 MSE 0.9900 BCE 5.000");
  expect(arriving!.getAttribute("aria-valuetext")).toBe("MSE −0.01320 BCE −0.9933");
  expect(find(".dl-code-line code").textContent).toBe("F.mse_loss(y_hat, y)");
});

test("a logit is moved, a class added, taken away and made the right one", async () => {
  const model = await mount(CLASSES);
  expect(shownTasks()).toEqual(["classes"]);
  expect(find(".dl-weights").hidden).toBe(true);
  const bar = find("[role=slider][aria-label='1']");
  bar.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowUp", bubbles: true }));
  await vi.advanceTimersByTimeAsync(1);
  expect(model.last("settings.set").meta).toEqual({ logits: [2, 1.1] });
  find("[aria-label='Add a class']").click();
  await vi.advanceTimersByTimeAsync(1);
  expect(model.last("settings.set").meta).toEqual({ logits: [2, 1.1, 0] });
  find("[aria-label='Remove a class']").click();
  await vi.advanceTimersByTimeAsync(1);
  find("[aria-label='Remove a class']").click();
  expect(model.last("settings.set").meta).toEqual({ logits: [2, 1.1] });
  find("[aria-label='Class 1 is right']").click();
  expect(model.last("settings.set").meta).toEqual({ right: 1 });
});

test("each class has a weight of its own, which only counts for costs that take it", async () => {
  const counting = ["class_cost", "weights"];
  const model = await mount({ ...CLASSES, meta: { ...CLASSES.meta, counting } });
  const bars = [...host.querySelectorAll<HTMLElement>(".dl-weights [role=slider]")];
  expect(bars.map((bar) => bar.getAttribute("aria-valuetext"))).toEqual(["2.0", "1.0"]);
  bars[1]!.dispatchEvent(new KeyboardEvent("keydown", { key: "PageUp", bubbles: true }));
  await vi.advanceTimersByTimeAsync(1);
  expect(model.last("settings.set").meta).toEqual({ weights: [2, 2] });
});

test("the pull is against the gradient, and every cost of the answer stands in the table", async () => {
  await mount(CLASSES);
  const labels = [...host.querySelectorAll("[role=img].dl-bar-track")].map((one) =>
    one.getAttribute("aria-label"),
  );
  expect(labels).toEqual(["0 0.25", "1 −0.25", "→ 1 0.75", "→ 0 0.25"]);
  expect(rows("classes")).toEqual([
    ["CrossEntropy", "0.3000", "0.2500"],
    ["NLL", "0.6000", "0.5000"],
  ]);
});

test("an outlier is moved by keys; the lines are written as one reads them", async () => {
  const model = await mount(OUTLIER);
  expect(rows("outlier").map(([, equation]) => equation)).toEqual([
    "0.50 − 0.25 x",
    "0.00 + 1.00 x",
  ]);
  expect(find(".dl-definition").hidden).toBe(true);
  const handle = find("[data-handle=outlier]");
  handle.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowUp", bubbles: true }));
  const { outlier } = model.last("settings.set").meta as { outlier: number[] };
  expect(outlier[0]).toBe(2);
  expect(outlier[1]).toBeCloseTo(-3 + 8 / 40, 6);
});

test("of three points the pull is that on the negative one", async () => {
  await mount(PAIRS);
  expect(rows("pairs")).toEqual([["TripletMargin", "0.5000", "5.000"]]);
  const named = ["anchor", "positive", "negative"].map((name) =>
    find(`[data-handle=${name}]`).getAttribute("aria-label"),
  );
  expect(named).toEqual([
    "anchor, at 0.000, 0.000",
    "positive, at 1.000, 0.000",
    "negative, at 0.000, 1.000",
  ]);
});

import { beforeEach, describe, expect, test, vi } from "vitest";

import { type End, find, host, hostViews, render } from "../shared/testing/hosted_view.ts";
import { FakePlot } from "./loss_plot/testing/kernel.ts";

hostViews();

beforeEach(() => {
  // jsdom has no capture, and no layout: the plot is 100 wide.
  HTMLElement.prototype.setPointerCapture = vi.fn();
  vi.spyOn(HTMLElement.prototype, "getBoundingClientRect").mockReturnValue({
    ...{ left: 0, right: 100, top: 0, bottom: 100, x: 0, y: 0, width: 100, height: 100 },
    toJSON: () => "",
  });
});

const LOSSES = Array.from({ length: 101 }, (_, step) => 1 / (1 + step));

function lenet(changes: object = {}) {
  return { name: "lenet", step: 100, series: { train_loss: LOSSES }, ...changes };
}

async function mount(kernel: FakePlot, end?: End): Promise<HTMLElement> {
  const { default: widget } = await import("./loss_plot.ts");
  render(widget, kernel, end);
  await vi.advanceTimersByTimeAsync(1);
  kernel.show();
  await paint();
  return find(".dl-loss-plot");
}

/** A status is painted in one frame, the curves that it makes the view ask for in the next. */
async function paint(): Promise<void> {
  await vi.advanceTimersByTimeAsync(60);
}

function press(element: HTMLElement): void {
  element.dispatchEvent(new MouseEvent("click", { bubbles: true }));
}

function pointer(type: string, x: number, more: PointerEventInit = {}): void {
  find(".dl-area").dispatchEvent(
    new PointerEvent(type, { bubbles: true, clientX: x, pointerType: "mouse", ...more }),
  );
}

function key(name: string, more: KeyboardEventInit = {}): void {
  find(".dl-area").dispatchEvent(new KeyboardEvent("keydown", { key: name, ...more }));
}

function looked(): [number, number] {
  const [low = NaN, high = NaN] = (find(".dl-loss-plot").dataset["window"] ?? "")
    .split(" ")
    .map(Number);
  return [low, high];
}

function notice(): string | null {
  return find(".dl-notice").hidden ? null : find(".dl-notice-text").textContent;
}

describe("a view", () => {
  test("asks for the curves of what it is told, and draws them", async () => {
    const kernel = new FakePlot([lenet()]);
    const root = await mount(kernel);
    expect(kernel.last("curves.get").meta).toEqual({
      axis: "step",
      x_scale: "linear",
      smoothing: 0,
      pixels: 800,
      series: [[0, "train_loss"]],
      low: null,
      high: null,
    });
    expect(root.dataset).toMatchObject({ step: "100", drawn: "101", state: "idle" });
    expect(looked()).toEqual([0, 100]);
    expect(kernel.last("ack").meta["seq"]).toBe(1);
  });

  test("a question says that what it follows was taken in, by itself", async () => {
    const run = lenet();
    const kernel = new FakePlot([run]);
    await mount(kernel);
    const said = kernel.requests("ack").length;
    run.series = { train_loss: [...run.series.train_loss, 0.5] };
    kernel.show();
    await paint();
    expect(kernel.last("curves.get").seq).toBe(2);
    expect(kernel.requests("ack")).toHaveLength(said);
    kernel.show();
    await paint();
    expect(kernel.last("ack").meta["seq"]).toBe(3);
  });

  test("asks again only when something came, and one at a time", async () => {
    const run = lenet();
    const kernel = new FakePlot([run]);
    await mount(kernel);
    // The first answer tells how wide the plot is, which may be another question.
    const before = kernel.requests("curves.get").length;
    kernel.show();
    await paint();
    expect(kernel.requests("curves.get")).toHaveLength(before);
    delete kernel.answers["curves.get"];
    for (let more = 0; more < 3; more++) {
      run.series = { train_loss: [...run.series.train_loss, 0.5] };
      kernel.show();
      await paint();
    }
    expect(kernel.requests("curves.get")).toHaveLength(before + 1);
    kernel.answers["curves.get"] = (request) => kernel.curves(request);
    const open = kernel.last("curves.get");
    kernel.reply(open, kernel.curves(open));
    await paint();
    expect(kernel.requests("curves.get")).toHaveLength(before + 2);
    expect(find(".dl-loss-plot").dataset["drawn"]).toBe("104");
  });

  test("hides the notebook's own picture while it is live, by the sign that Python gave", async () => {
    const kernel = new FakePlot([lenet()]);
    await mount(kernel);
    expect(find("style").textContent).toContain('img[src*="dl-lab-0123abc"]');
    expect(find("style").textContent).toContain("display: none");
  });

  test("takes no sign that could be a rule of its own", async () => {
    const kernel = new FakePlot([lenet()]);
    kernel.answers["hello"] = () => ({ meta: { picture: '"] {} * { color: red' } });
    await mount(kernel);
    expect(find("style").textContent).toBe("");
  });

  test("says what to do first where nothing is recorded", async () => {
    const kernel = new FakePlot([{ name: "lenet" }]);
    await mount(kernel);
    expect(find(".dl-empty").textContent).toBe("Nothing recorded yet: press Play");
    expect(find(".dl-play").hasAttribute("data-first")).toBe(true);
  });

  test("speaks Spanish", async () => {
    const kernel = new FakePlot([lenet()], { language: "es" });
    await mount(kernel);
    expect(find(".dl-play").textContent).toBe("Iniciar");
    expect(find(".dl-chip-name").textContent).toBe("Pérdida de entrenamiento");
  });
});

describe("the header", () => {
  test("shows how far it is, how fast, and what is left", async () => {
    const kernel = new FakePlot([
      lenet({ state: "running", step: 1234, lastStep: 4936, rate: 0.003 }),
    ]);
    await mount(kernel);
    expect(find(".dl-count-step").textContent).toBe("Step1,234 / 4,936");
    expect(find(".dl-status-text").textContent).toBe("Training1,234 steps/s");
    expect(find("[role=progressbar]").getAttribute("aria-valuenow")).toBe("25");
    expect(find(".dl-progress-left").textContent).toBe("25 % · 2 min 10 s left");
    expect(find(".dl-progress-place").textContent).toBe("cpu · 312 MB");
    expect(find('[data-setting="learning_rate"]', HTMLInputElement).value).toBe("0.003");
  });

  test("play shows at once; the next status counts, also if it says otherwise", async () => {
    const run = lenet();
    const kernel = new FakePlot([run]);
    const root = await mount(kernel);
    delete kernel.answers["run.play"];
    press(find(".dl-play"));
    expect(root.dataset["state"]).toBe("running");
    kernel.show();
    await paint();
    expect(root.dataset["state"]).toBe("running");
    kernel.reply(kernel.last("run.play"));
    await paint();
    kernel.show();
    await paint();
    expect(root.dataset["state"]).toBe("idle");
  });

  test("a refusal is said and the state falls back", async () => {
    const kernel = new FakePlot([lenet()]);
    const root = await mount(kernel);
    delete kernel.answers["run.play"];
    press(find(".dl-play"));
    kernel.refuse(kernel.last("run.play"), "brand_new", {}, "Give it data first.");
    await paint();
    expect(root.dataset["state"]).toBe("idle");
    expect(notice()).toBe("Give it data first.");
  });

  test("changes the learning rate", async () => {
    const kernel = new FakePlot([lenet()]);
    await mount(kernel);
    const field = find('[data-setting="learning_rate"]', HTMLInputElement);
    field.value = "0,02";
    field.dispatchEvent(new Event("input"));
    field.dispatchEvent(new Event("change"));
    expect(kernel.last("learning_rate.set").meta).toEqual({ run: null, value: 0.02 });
  });

  test("asks before a reset clears what was recorded", async () => {
    const kernel = new FakePlot([lenet()]);
    await mount(kernel);
    press(find('[aria-label="Reset"]'));
    expect(kernel.requests("run.reset")).toHaveLength(0);
    expect(notice()).toContain("100 steps");
    press(find(".dl-notice .dl-button"));
    expect(kernel.last("run.reset").meta).toEqual({ run: null });
  });

  test("has only the buttons that work", async () => {
    const kernel = new FakePlot([lenet({ controls: ["pause", "stop"], state: "running" })]);
    await mount(kernel);
    expect(host.querySelector('[aria-label="Reset"]')).toBeNull();
    expect(host.querySelector('[data-setting="learning_rate"]')).toBeNull();
    const play = find(".dl-play", HTMLButtonElement);
    expect(play.disabled).toBe(false);
    press(play);
    expect(kernel.requests("run.pause")).toHaveLength(1);
  });

  test("says why a run failed, and a way on", async () => {
    const message = { key: "brand_new", params: {}, text: "The batch has no rows." };
    const kernel = new FakePlot([lenet({ state: "failed", message })]);
    const root = await mount(kernel);
    expect(root.dataset["state"]).toBe("failed");
    expect(notice()).toBe("The batch has no rows.");
    press(find(".dl-notice .dl-button"));
    expect(kernel.last("run.play").meta).toEqual({ run: 0 });
  });
});

describe("a run that goes on", () => {
  test("says what a metric's trouble was, without a way to start again", async () => {
    const note = { key: "brand_new", params: {}, text: "The metric gap raised KeyError." };
    await mount(new FakePlot([lenet({ state: "running", notes: [note] })]));
    expect(notice()).toBe("The metric gap raised KeyError.");
    expect(find(".dl-notice .dl-button").hidden).toBe(true);
  });
});

describe("looking closer", () => {
  test("a drag shows the stretch, a double click everything", async () => {
    const kernel = new FakePlot([lenet()]);
    await mount(kernel);
    pointer("pointerdown", 20);
    pointer("pointermove", 60);
    expect(find(".dl-brush").hidden).toBe(false);
    pointer("pointerup", 60);
    await paint();
    expect(looked()).toEqual([20, 60]);
    expect(kernel.last("curves.get").meta).toMatchObject({ low: 20, high: 60 });
    expect(find(".dl-loss-plot").dataset["drawn"]).toBe("41");
    find(".dl-area").dispatchEvent(new MouseEvent("dblclick"));
    await paint();
    expect(looked()).toEqual([0, 100]);
  });

  test("a click is not a drag", async () => {
    const kernel = new FakePlot([lenet()]);
    await mount(kernel);
    pointer("pointerdown", 20);
    pointer("pointerup", 22);
    await paint();
    expect(looked()).toEqual([0, 100]);
  });

  test("the wheel zooms once the chart was clicked; before that the page scrolls", async () => {
    const kernel = new FakePlot([lenet()]);
    await mount(kernel);
    const turn = () => {
      const event = new WheelEvent("wheel", { deltaY: -100, clientX: 50, cancelable: true });
      find(".dl-area").dispatchEvent(event);
      return event.defaultPrevented;
    };
    expect(turn()).toBe(false);
    expect(find(".dl-wheel-hint").hidden).toBe(false);
    find(".dl-area").focus();
    expect(turn()).toBe(true);
    await paint();
    const [low, high] = looked();
    expect(high - low).toBeCloseTo(100 * Math.exp(-0.4));
    expect((low + high) / 2).toBeCloseTo(50);
  });

  test("a window at the end follows what comes, one in the middle stays", async () => {
    const run = lenet();
    const kernel = new FakePlot([run]);
    await mount(kernel);
    pointer("pointerdown", 80);
    pointer("pointermove", 100);
    pointer("pointerup", 100);
    await paint();
    expect(kernel.last("curves.get").meta).toMatchObject({ low: 80, high: null });
    run.series = { train_loss: Array.from({ length: 151 }, () => 1) };
    kernel.show();
    await paint();
    expect(looked()).toEqual([130, 150]);
  });

  test("all of it by keyboard", async () => {
    const kernel = new FakePlot([lenet()]);
    await mount(kernel);
    key("+");
    await paint();
    const [low, high] = looked();
    expect(high - low).toBeCloseTo(70);
    key("ArrowLeft", { shiftKey: true });
    await paint();
    expect(looked()[0]).toBeCloseTo(low - 7);
    key("ArrowRight");
    key("ArrowRight");
    expect(find(".dl-reading [role=status]").textContent).toMatch(/^step 4\d, Train loss 0\.02/);
    key("0");
    await paint();
    expect(looked()).toEqual([0, 100]);
  });

  test("two fingers zoom, one moves", async () => {
    const kernel = new FakePlot([lenet()]);
    await mount(kernel);
    const touch = { pointerType: "touch" };
    pointer("pointerdown", 40, { ...touch, pointerId: 1 });
    pointer("pointerdown", 60, { ...touch, pointerId: 2 });
    pointer("pointermove", 80, { ...touch, pointerId: 2 });
    pointer("pointerup", 80, { ...touch, pointerId: 2 });
    await paint();
    const [low, high] = looked();
    expect(high - low).toBeCloseTo(50);
    pointer("pointermove", 50, { ...touch, pointerId: 1 });
    await paint();
    expect(looked()[0]).toBeCloseTo(low - 5);
  });

  test("pointing reads the values, and the kernel says the rest of the place", async () => {
    const kernel = new FakePlot([lenet()]);
    await mount(kernel);
    pointer("pointermove", 49);
    expect(find(".dl-card-title").textContent).toBe("step 49");
    expect(find(".dl-card-value").textContent).toBe("0.02000");
    await vi.advanceTimersByTimeAsync(300);
    expect(find(".dl-card-title").textContent).toBe("step 49 · epoch 0.5 · 3.0 s");
    pointer("pointerleave", 49);
    expect(find(".dl-card").hidden).toBe(true);
  });

  test("another history begins with everything again", async () => {
    const run = lenet({ revision: 1 });
    const kernel = new FakePlot([run]);
    await mount(kernel);
    pointer("pointerdown", 20);
    pointer("pointermove", 60);
    pointer("pointerup", 60);
    await paint();
    Object.assign(run, { revision: 2, series: { train_loss: [3, 2, 1] } });
    kernel.show();
    await paint();
    expect(looked()).toEqual([0, 2]);
  });
});

describe("the legend", () => {
  test("shows last and best, and takes a curve away", async () => {
    const kernel = new FakePlot([
      lenet({ series: { train_loss: [2, 1], learning_rate: [0.1, 0.2] } }),
    ]);
    const root = await mount(kernel);
    const chip = find('[data-series="train_loss"]');
    expect(chip.querySelector(".dl-chip-last")!.textContent).toBe("1.000");
    expect(chip.querySelector(".dl-chip-best")!.textContent).toBe("1.000");
    expect(find('[data-series="learning_rate"] .dl-chip-best').hidden).toBe(true);
    press(chip);
    await paint();
    expect(kernel.last("settings.set").meta).toEqual({ hidden: [[0, "train_loss"]] });
    expect(chip.getAttribute("aria-pressed")).toBe("false");
    expect(root.dataset["drawn"]).toBe("2");
    press(chip);
    await paint();
    expect(kernel.get("hidden")).toEqual([]);
  });

  test("of a rate that was never changed draws no line", async () => {
    const kernel = new FakePlot([
      lenet({ series: { train_loss: [2, 1, 3], learning_rate: [0.1] } }),
    ]);
    const root = await mount(kernel);
    expect(find('[data-series="learning_rate"]').textContent).toContain("0.1000");
    expect(root.dataset["drawn"]).toBe("3");
  });

  test("of several runs is a table: runs, series, and each by itself", async () => {
    const kernel = new FakePlot([
      lenet({ name: "<i>slow</i>", rate: 0.001, state: "paused" }),
      lenet({ name: "fast", rate: 1 }),
    ]);
    await mount(kernel);
    expect([...host.querySelectorAll(".dl-run")].map(({ textContent }) => textContent)).toEqual([
      "<i>slow</i>",
      "fast",
    ]);
    press(find('.dl-run[data-run="1"]'));
    await paint();
    expect(kernel.get("hidden")).toEqual([[1, null]]);
    const cell = find('td [data-run="1"][data-series="train_loss"]');
    expect(cell.getAttribute("aria-pressed")).toBe("false");
    press(cell);
    await paint();
    expect(kernel.get("hidden")).toEqual([]);
    press(find('.dl-column[data-series="train_loss"]'));
    await paint();
    expect(kernel.get("hidden")).toEqual([
      [0, "train_loss"],
      [1, "train_loss"],
    ]);
    expect(find(".dl-empty").hidden).toBe(false);
    const field = find('input[data-run="0"]', HTMLInputElement);
    expect(field.value).toBe("0.001");
    field.value = "0.01";
    field.dispatchEvent(new Event("input"));
    field.dispatchEvent(new Event("change"));
    expect(kernel.last("learning_rate.set").meta).toEqual({ run: 0, value: 0.01 });
  });
});

test("the data are saved piece by piece", async () => {
  const kernel = new FakePlot([lenet()]);
  kernel.answers["csv.get"] = ({ meta }) =>
    meta["row"] === 0
      ? { meta: { text: "step\n", next: 7 } }
      : { meta: { text: "7\n", next: null } };
  await mount(kernel);
  const saved: Blob[] = [];
  vi.stubGlobal(
    "URL",
    Object.assign(URL, {
      createObjectURL: (blob: Blob) => `blob:${saved.push(blob)}`,
      revokeObjectURL: vi.fn(),
    }),
  );
  const click = vi.spyOn(HTMLAnchorElement.prototype, "click").mockReturnValue();
  press(find('[aria-label="Export"]'));
  press(find('[data-export="csv"]'));
  await paint();
  expect(await saved[0]!.text()).toBe("step\n7\n");
  expect((click.mock.contexts[0] as HTMLAnchorElement).download).toBe("lenet.csv");
  expect(kernel.requests("csv.get").map(({ meta }) => meta["row"])).toEqual([0, 7]);
});

test("a kernel that is gone is said to be; the curves stay", async () => {
  const kernel = new FakePlot([lenet()]);
  const root = await mount(kernel);
  delete kernel.answers["hello"];
  kernel.emit("comm:close");
  expect(root.dataset["connection"]).toBe("gone");
  expect(notice()).toContain("Run the cell again");
  expect(find("fieldset", HTMLFieldSetElement).disabled).toBe(true);
  expect(root.dataset["drawn"]).toBe("101");
});

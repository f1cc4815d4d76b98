import { beforeEach, describe, expect, test, vi } from "vitest";

import type { Message, NamedArray } from "../shared/kernel/protocol.ts";
import { f4, FakeModel } from "../shared/testing/model.ts";
import { census, find, host, hostViews, render } from "../shared/testing/hosted_view.ts";
import { FORMATS } from "./graph_viewer/table.ts";

hostViews();

beforeEach(() => {
  // What jsdom lacks.
  const nothing = () => undefined;
  Object.assign(Element.prototype, { setPointerCapture: nothing, releasePointerCapture: nothing });
});

const u4 = (...values: number[]): NamedArray => ({
  shape: [values.length],
  values: Uint32Array.from(values),
});
const u1 = (...values: number[]): NamedArray => ({
  shape: [values.length],
  values: Uint8Array.from(values),
});

// input → block (conv → relu) → head, twice; the second block is drawn by the first.
const NAMES = ["input_0", "conv2d", "relu", "conv2d", "relu", "linear"];
const MODULES = ["", "block.0.conv", "block.0", "block.1.conv", "block.1", "head"];

function group(key: string, path: string, label: string, parent: number, more: object = {}) {
  return {
    ...{ key, path, label, parent, kind: "module", count: 1, closed: false },
    ...{ parameters: 0, macs: 0, unknown: 0, bytes: 16, seconds: 0.001 },
    ...{ inputs: ["1×3"], outputs: ["1×4"], output: 2, settings: "", names: [], line: -1 },
    ...{ shared: false, unused: false, note: "" },
    ...more,
  };
}

function graph(more: object = {}) {
  return {
    name: "Net",
    nodes: {
      kind: ["input", ...NAMES.slice(1).map(() => "operation")],
      name: NAMES,
      module: MODULES,
      shape: ["1×3", "1×4", "1×4", "1×4", "1×4", "1×2"],
      dtype: NAMES.map(() => "float32"),
      line: [-1, 0, -1, -1, -1, -1],
      parameters: [0, 16, 0, 16, 0, 10],
      macs: [0, 12, null, 12, null, 8],
      bytes: NAMES.map(() => 16),
      seconds: NAMES.map(() => 0.001),
      left: NAMES.map(() => null),
    },
    lines: [{ file: "/home/a/net.py", number: 12, function: "forward", text: "x = self.conv(x)" }],
    groups: [
      group(".", "", "Net", -1, { parameters: 42, macs: 32, unknown: 2, output: 5 }),
      group("/block.0×", "block.0", "Block", 0, {
        kind: "repeat",
        count: 2,
        parameters: 32,
        macs: 24,
        output: 4,
      }),
      group("/conv", "block.0.conv", "Conv2d", 1, { parameters: 16, closed: true, output: 1 }),
      group("/head", "head", "Linear", 0, { parameters: 10, closed: true, output: 5 }),
    ],
    outputs: [5],
    failure: null,
    unused: [],
    ...more,
  };
}

const arrays = (i = 0) => ({
  [`group${i}`]: u4(1, 3, 2, 0, 0, 4),
  [`same${i}`]: u4(0, 1, 2, 1, 2, 5),
  [`from${i}`]: u4(0, 1, 2),
  [`to${i}`]: u4(1, 2, 5),
});

const SETTINGS = ["colour", "direction", "opened", "chosen", "search", "cameras"];
const SCHEMA = [
  {
    name: "colour",
    kind: "choice",
    group: "drawn",
    allowed: ["nothing", "time", "parameters", "macs", "activations", "gradients"],
  },
  { name: "direction", kind: "choice", group: "drawn", allowed: ["auto", "down", "right"] },
];

function kernel(meta: object = {}, traits: object = {}): FakeModel {
  const model = new FakeModel({
    ...{ language: "en", schema: SCHEMA, code: false, problem: null, opened: null, chosen: null },
    ...{ colour: "nothing", direction: "auto", search: "", cameras: [], ...traits },
  });
  model.answers["hello"] = () => ({
    meta: { graphs: [graph()], trainer: false, layers: true, ...meta },
    arrays: arrays(),
  });
  model.answers["settings.set"] = ({ meta: changes }: Message) => {
    for (const [name, value] of Object.entries(changes)) {
      expect(SETTINGS).toContain(name);
      model.set(name, value);
    }
    return {};
  };
  return model;
}

async function mount(model: FakeModel): Promise<HTMLElement> {
  const { default: widget } = await import("./graph_viewer.ts");
  render(widget, model);
  await vi.advanceTimersByTimeAsync(50);
  return find(".dl-graph-viewer");
}

async function press(name: string, more: KeyboardEventInit = {}): Promise<KeyboardEvent> {
  const event = new KeyboardEvent("keydown", {
    key: name,
    bubbles: true,
    cancelable: true,
    ...more,
  });
  find(".dl-canvas").dispatchEvent(event);
  await vi.advanceTimersByTimeAsync(50);
  return event;
}

async function type(text: string): Promise<void> {
  const input = find(".dl-search input", HTMLInputElement);
  input.value = text;
  input.dispatchEvent(new Event("input"));
  await vi.advanceTimersByTimeAsync(50);
}

async function enter(more: KeyboardEventInit = {}): Promise<void> {
  const input = find(".dl-search input");
  input.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, ...more }));
  await vi.advanceTimersByTimeAsync(50);
}

async function click(selector: string): Promise<void> {
  find(selector).click();
  await vi.advanceTimersByTimeAsync(50);
}

const labelled = (label: string) => `[aria-label="${label}"]`;
const chosen = () => find(".dl-graph-viewer").dataset["chosen"] ?? null;
const said = () => find("[aria-live=polite]").textContent;
const facts = () => {
  const names = [...host.querySelectorAll(".dl-card dt")].map((one) => one.textContent);
  const values = [...host.querySelectorAll(".dl-card dd")].map((one) => one.textContent);
  return Object.fromEntries(names.map((name, i) => [name, values[i]]));
};

describe("what is shown", () => {
  test("opens what fits, and tells how large the model is", async () => {
    const root = await mount(kernel());
    expect(root.dataset["nodes"]).toBe("6");
    // input, block open with its conv and relu, head, output.
    expect(find(".dl-canvas").dataset["open"]).toBe("1");
    expect(find(".dl-canvas").dataset["shown"]).toBe("6");
    expect(find("[role=status]").textContent).toBe(
      "5 operations · 42 parameters · ≥ 32 multiply-adds",
    );
    expect(find(".dl-card-title").textContent).toBe("Net");
  });

  test("what another view, a reload or Python has opened is open", async () => {
    const model = kernel(
      {},
      { opened: [], chosen: "g/head", search: "conv", cameras: [[5, 6, 2]] },
    );
    await mount(model);
    expect(find(".dl-canvas").dataset["open"]).toBe("0");
    expect(find(".dl-canvas").dataset["zoom"]).toBe("2.000");
    expect(find(".dl-card-title").textContent).toBe("head");
    expect(find(".dl-search input", HTMLInputElement).value).toBe("conv");
    model.set("opened", ["/block.0×", "/conv"]);
    await vi.advanceTimersByTimeAsync(50);
    expect(find(".dl-canvas").dataset["open"]).toBe("2");
  });

  test("a message that breaks the protocol is told", async () => {
    const model = kernel();
    model.answers["hello"] = () => ({ meta: { graphs: [graph()] }, arrays: { group0: u4(1) } });
    await mount(model);
    expect(find(".dl-notice").hidden).toBe(false);
  });
});

describe("keys", () => {
  test("arrows walk along the lines, Enter opens, Escape goes out", async () => {
    const model = kernel({}, { opened: [], direction: "down" });
    await mount(model);
    await press("ArrowDown");
    expect(chosen()).toBe("n0");
    expect(said()).toContain("input");
    await press("ArrowDown");
    expect(chosen()).toBe("g/block.0×");
    expect(said()).toContain("×2");
    await press("Enter");
    expect(model.get("opened")).toEqual(["/block.0×"]);
    expect(said()).toContain("Opened 0 ×2");
    await press("ArrowDown");
    expect(chosen()).toBe("g/conv");
    await press("ArrowDown");
    expect(chosen()).toBe("n2");
    await press("ArrowDown");
    expect(chosen()).toBe("g/head");
    await press("ArrowDown");
    await press("ArrowDown");
    expect(said()).toBe("There is nothing further that way.");
    await press("ArrowUp");
    await press("ArrowUp");
    expect(chosen()).toBe("n2");
    await press("Escape");
    expect(chosen()).toBe("g/block.0×");
    const escape = await press("Escape");
    expect(chosen()).toBeNull();
    expect(escape.defaultPrevented).toBe(true);
    // Nothing is left for it to do: the page may have it.
    expect((await press("Escape")).defaultPrevented).toBe(false);
  });

  test("go sideways, and as the graph runs", async () => {
    await mount(kernel({}, { opened: [], direction: "right" }));
    await press("ArrowRight");
    await press("ArrowRight");
    expect(chosen()).toBe("g/block.0×");
    await press("ArrowLeft");
    expect(chosen()).toBe("n0");
  });

  test("zoom, move and fit; where one looks is kept", async () => {
    const model = kernel();
    await mount(model);
    const zoom = () => Number(find(".dl-canvas").dataset["zoom"]);
    const before = zoom();
    await press("+");
    expect(zoom()).toBeCloseTo(before * 1.25, 2);
    await press("ArrowRight", { shiftKey: true });
    await vi.advanceTimersByTimeAsync(1000);
    const [camera] = model.get("cameras") as [[number, number, number]];
    expect(camera[2]).toBeCloseTo(before * 1.25, 2);
    await press("0");
    await vi.advanceTimersByTimeAsync(1000);
    expect(zoom()).toBeCloseTo(before, 2);
    expect(model.get("cameras")).toEqual([null]);
  });
});

describe("pointer", () => {
  const point = async (kind: string, x: number, y: number, more: object = {}) => {
    const event = new MouseEvent(kind, { clientX: x, clientY: y, bubbles: true, ...more });
    Object.assign(event, { pointerId: 1, pointerType: "mouse", ...more });
    find(".dl-canvas").dispatchEvent(event);
    await vi.advanceTimersByTimeAsync(20);
    return event;
  };

  test("a click chooses, another one opens, one beside all lets go", async () => {
    const model = kernel({}, { opened: [], chosen: "g/block.0×", direction: "down" });
    await mount(model);
    // The middle of the four boxes is between block and head; just above it lies the block.
    const tap = async (x: number, y: number) => {
      await point("pointerdown", x, y);
      await point("pointerup", x, y);
      await vi.advanceTimersByTimeAsync(500);
    };
    await tap(280, 160);
    expect(model.get("opened")).toEqual(["/block.0×"]);
    await tap(5, 5);
    expect(chosen()).toBeNull();
  });

  test("a drag moves, and chooses nothing", async () => {
    const model = kernel();
    await mount(model);
    await point("pointerdown", 280, 160);
    await point("pointermove", 320, 190);
    await point("pointerup", 320, 190);
    await vi.advanceTimersByTimeAsync(1000);
    expect(chosen()).toBeNull();
    expect((model.get("cameras") as unknown[])[0]).toHaveLength(3);
  });

  test("the wheel zooms once the graph was clicked; before that the page scrolls", async () => {
    await mount(kernel());
    const turn = () => {
      const event = new WheelEvent("wheel", { deltaY: -100, cancelable: true });
      find(".dl-canvas").dispatchEvent(event);
      return event;
    };
    expect(turn().defaultPrevented).toBe(false);
    expect(find(".dl-wheel-hint").hidden).toBe(false);
    find(".dl-canvas").focus();
    expect(turn().defaultPrevented).toBe(true);
    await vi.advanceTimersByTimeAsync(2000);
    expect(find(".dl-wheel-hint").hidden).toBe(true);
  });
});

describe("search", () => {
  test("finds by a regular expression, counts, and goes from hit to hit", async () => {
    const model = kernel({}, { opened: [] });
    await mount(model);
    await type("^block.*conv|head");
    expect(find(".dl-count").textContent).toBe("4 matches");
    await click(labelled("Next match"));
    expect(chosen()).toBe("g/conv");
    // What it lies in is opened.
    expect(model.get("opened")).toEqual(["/block.0×"]);
    await click(labelled("Next match"));
    expect(chosen()).toBe("n1");
    await click(labelled("Previous match"));
    await click(labelled("Previous match"));
    expect(chosen()).toBe("n5");
    expect(model.get("search")).toBe("^block.*conv|head");
  });

  test("says in a sentence what is no expression", async () => {
    await mount(kernel());
    await type("conv(");
    expect(find(".dl-count").textContent).toMatch(/^That is not a regular expression: .+\. Put/);
    expect(find(".dl-search input").getAttribute("aria-invalid")).toBe("true");
    expect(find(".dl-notice").hidden).toBe(true);
    await type("conv\\(");
    expect(find(".dl-count").textContent).toBe("0 matches");
    await type("");
    expect(find(".dl-count").textContent).toBe("");
  });
});

describe("the card", () => {
  test("tells what is known of an operation, with its line of source", async () => {
    await mount(kernel({}, { chosen: "n1", opened: ["/block.0×", "/conv"] }));
    expect(find(".dl-card-title").textContent).toBe("conv2d");
    expect(facts()).toEqual({
      output: "1×4",
      dtype: "float32",
      parameters: "16",
      "multiply-adds": "12",
      time: "1.0 ms",
      memory: "16 B",
    });
    expect(find(".dl-place").textContent).toBe("net.py:12 · forward");
    expect(find(".dl-source code").textContent).toBe("x = self.conv(x)");
  });

  test("says that multiply-adds are not known rather than none", async () => {
    await mount(kernel({}, { chosen: "n2" }));
    expect(facts()["multiply-adds"]).toBe("not known");
  });

  describe("a layer in LayerViewer", () => {
    const shownIn = (model: ReturnType<typeof kernel>) => {
      const removed: string[] = [];
      model.answers["layer.open"] = () => ({ meta: { widget: "child-1" } });
      Object.assign(model, {
        widget_manager: {
          get_model: (id: string) => Promise.resolve(id),
          create_view: (id: string) => {
            const el = document.createElement("div");
            el.className = "child";
            el.textContent = id;
            return Promise.resolve({ el, remove: () => removed.push(id) });
          },
        },
      });
      // The page of these tests has no layout to scroll.
      Element.prototype.scrollIntoView = () => undefined;
      return removed;
    };

    test("stands beneath the graph until it is closed", async () => {
      const model = kernel({}, { chosen: "g/conv" });
      const removed = shownIn(model);
      await mount(model);
      await click(".dl-open-layer");
      expect(model.last("layer.open").meta).toEqual({ module: "block.0.conv" });
      await vi.waitFor(() => expect(document.querySelector(".child")?.textContent).toBe("child-1"));
      // Another layer is shown by the same one.
      await click(".dl-open-layer");
      expect(document.querySelectorAll(".child")).toHaveLength(1);
      expect(removed).toEqual([]);
      await click(".dl-layers-row button");
      expect(document.querySelector(".child")).toBeNull();
      expect(removed).toEqual(["child-1"]);
    });

    test("says what to do where a page cannot show it", async () => {
      const model = kernel({}, { chosen: "g/conv" });
      model.answers["layer.open"] = () => ({ meta: { widget: "child-1" } });
      Element.prototype.scrollIntoView = () => undefined;
      await mount(model);
      await click(".dl-open-layer");
      const code = ".dl-layers-beneath code";
      await vi.waitFor(() =>
        expect(document.querySelector(code)?.textContent).toContain("layer_viewer"),
      );
    });
  });
});

describe("live", () => {
  const message = (step: number, more: object = {}, dead = 0): Message => ({
    kind: "graph.live",
    seq: step,
    meta: { graphs: [{ step, first: null, ...more }] },
    arrays: numbers(0, 2, dead),
  });
  const numbers = (i: number, last: number, dead = 0) => ({
    [`rms${i}`]: f4(0, -1, 0.5, -1, 0.5, last),
    [`grad${i}`]: f4(NaN, -4, -3, -4, -3, -2),
    [`dead${i}`]: f4(0, 0, dead, 0, dead, 0),
    [`flags${i}`]: u1(0, 0, 0, 0, 0, 0),
  });

  test("colours follow the training, and are acknowledged when painted", async () => {
    const model = kernel({ trainer: true }, { colour: "activations" });
    const root = await mount(model);
    expect(find(".dl-legend").textContent).toContain("colours come with the first step");
    model.say(message(3));
    await vi.advanceTimersByTimeAsync(50);
    expect(root.dataset["live"]).toBe("1");
    expect(model.requests("ack").map(({ meta }) => meta["seq"])).toContain(3);
    expect(find(".dl-scale").hidden).toBe(false);
    expect(find(".dl-scale").textContent).toContain("size of activations");
    model.set("chosen", "g/head");
    await vi.advanceTimersByTimeAsync(50);
    expect(facts()["activations, RMS"]).toBe("100.0");
    expect(facts()["gradients, RMS"]).toBe("0.01000");
  });

  test("the first NaN is one click away, wherever it is", async () => {
    const model = kernel({ trainer: true }, { opened: [] });
    await mount(model);
    expect(find(".dl-first-nan").hidden).toBe(true);
    const sentence = { key: "not_finite_forward", params: {}, text: "Step 7: the first NaN …" };
    const flags = u1(0, 0, 0, 1, 0, 1);
    const bad = message(7, { first: { node: 3, step: 7, sentence } });
    model.say({ ...bad, arrays: { ...bad.arrays, flags0: flags } });
    await vi.advanceTimersByTimeAsync(50);
    expect(find(".dl-first-nan").textContent).toContain("step 7");
    expect(find(".dl-why").textContent).toBe("Step 7: the first NaN …");
    await click(".dl-first-nan");
    // Of the second block; the first one is drawn for it.
    expect(chosen()).toBe("n1");
    expect(new Set(model.get("opened") as string[])).toEqual(new Set(["/block.0×", "/conv"]));
  });

  test("what is scrolled away is neither drawn nor acknowledged", async () => {
    const model = kernel({ trainer: true }, { colour: "activations" });
    const root = await mount(model);
    census.scrollTo(false);
    model.say(message(3));
    await vi.advanceTimersByTimeAsync(50);
    expect(root.dataset["live"]).toBeUndefined();
    expect(model.requests("ack")).toHaveLength(0);
    census.scrollTo(true);
    model.say(message(4));
    await vi.advanceTimersByTimeAsync(50);
    expect(root.dataset["live"]).toBe("1");
    expect(model.requests("hello")).toHaveLength(2);
  });

  test("a message of another graph's length is told, and the next is read", async () => {
    const model = kernel({ trainer: true });
    const root = await mount(model);
    model.say({ ...message(1), arrays: { ...message(1).arrays, grad0: f4(1) } });
    await vi.advanceTimersByTimeAsync(50);
    expect(find(".dl-notice").hidden).toBe(false);
    model.say(message(2));
    await vi.advanceTimersByTimeAsync(50);
    expect(root.dataset["live"]).toBe("1");
  });
});

describe("two runs", () => {
  const both = (traits: object = {}) => {
    const model = kernel({}, traits);
    model.answers["hello"] = () => ({
      meta: { graphs: [graph(), graph({ name: "Other" })], trainer: true, layers: true },
      arrays: {
        ...arrays(0),
        ...arrays(1),
        change0: u1(0, 0, 0, 0, 0, 0),
        change1: u1(0, 0, 0, 0, 0, 0),
      },
    });
    return model;
  };
  const numbers = (i: number, last: number) => ({
    [`rms${i}`]: f4(0, -1, 0.5, -1, 0.5, last),
    [`grad${i}`]: f4(NaN, -4, -3, -4, -3, -2),
    [`dead${i}`]: f4(0, 0, 0, 0, 0, 0),
    [`flags${i}`]: u1(0, 0, 0, 0, 0, 0),
  });

  test("each graph follows its own, and has a first NaN of its own", async () => {
    const model = both({ colour: "activations", chosen: "g/head" });
    await mount(model);
    const sentence = { key: "not_finite_forward", params: {}, text: "Step 7: the first NaN …" };
    const first = { node: 5, step: 7, sentence };
    model.say({
      kind: "graph.live",
      seq: 1,
      meta: {
        graphs: [
          { step: 3, first: null },
          { step: 7, first },
        ],
      },
      arrays: { ...numbers(0, 2), ...numbers(1, 1) },
    });
    await vi.advanceTimersByTimeAsync(50);
    expect(facts()["activations, RMS"]).toBe("100.0  |  10.00");
    const [left, right] = [...host.querySelectorAll<HTMLElement>(".dl-first-nan")];
    expect(left!.hidden).toBe(true);
    expect(right!.textContent).toContain("2 · Other");
    right!.click();
    await vi.advanceTimersByTimeAsync(50);
    expect(chosen()).toBe("n5");
  });

  test("one of two is followed", async () => {
    const model = both({ colour: "activations", chosen: "g/head" });
    await mount(model);
    model.say({
      kind: "graph.live",
      seq: 1,
      meta: { graphs: [null, { step: 7, first: null }] },
      arrays: numbers(1, 1),
    });
    await vi.advanceTimersByTimeAsync(50);
    expect(find(".dl-scale").hidden).toBe(false);
    model.set("chosen", "g/conv");
    await vi.advanceTimersByTimeAsync(50);
    expect(facts()["activations, RMS"]).toBe("–  |  0.1000");
  });

  test("a search steps from the hits of one graph to those of the other, and back", async () => {
    const model = both();
    await mount(model);
    await type("Linear$|^conv2d");
    const seen: (string | null)[] = [];
    const titles: string[] = [];
    const count = Number(/\d+/.exec(find(".dl-count").textContent)![0]);
    for (let i = 0; i <= count; i++) {
      await enter();
      seen.push(chosen());
      titles.push(find(".dl-graph-viewer").dataset["graph"]!);
    }
    expect(titles).toEqual([
      ...Array.from({ length: count / 2 }, () => "0"),
      ...Array.from({ length: count / 2 }, () => "1"),
      "0",
    ]);
    expect(seen.slice(0, count / 2)).toEqual(seen.slice(count / 2, count));
    expect(seen.at(-1)).toBe(seen[0]);
    await enter({ shiftKey: true });
    expect(find(".dl-graph-viewer").dataset["graph"]).toBe("1");
  });
});

describe("after an error", () => {
  test("the sentence stands above the graph so far, and the operation is one click away", async () => {
    const failure = {
      sentence: { key: "graph_failed_in", params: {}, text: "linear in head raised an error." },
      ...{
        name: "linear",
        module: "head",
        shapes: ["1×4", "2×5"],
        group: 3,
        inputs: [4],
        line: -1,
      },
    };
    const model = kernel({ graphs: [graph({ failure, outputs: [] })] });
    await mount(model);
    expect(find(".dl-failure").hidden).toBe(false);
    expect(find(".dl-failure").textContent).toContain("linear in head raised an error.");
    await click(".dl-failure button");
    expect(chosen()).toBe("n6");
    expect(facts()["was given"]).toBe("1×4, 2×5");
  });
});

describe("two models", () => {
  test("stand side by side; what differs is set off", async () => {
    const model = kernel();
    model.answers["hello"] = () => ({
      meta: { graphs: [graph(), graph({ name: "Other" })], trainer: false, layers: true },
      arrays: {
        ...arrays(0),
        ...arrays(1),
        change0: u1(0, 0, 0, 0, 0, 1),
        change1: u1(0, 0, 0, 0, 0, 1),
      },
    });
    await mount(model);
    expect(host.querySelectorAll(".dl-canvas")).toHaveLength(2);
    expect([...host.querySelectorAll(".dl-graph-name")].map((one) => one.textContent)).toEqual([
      "Net",
      "Other",
    ]);
    model.set("chosen", "g/head");
    await vi.advanceTimersByTimeAsync(50);
    expect(find(".dl-notes").textContent).toContain("It differs from the model beside");
  });
});

describe("the table", () => {
  const rows = [
    { layer: "Net", class: "Net", parameters: 42, percent: 100, depth: 0, key: "g.", macs: 32 },
    {
      layer: "a|b",
      class: "Conv2d",
      parameters: 32,
      percent: 76.19,
      depth: 1,
      key: null,
      macs: null,
    },
    {
      layer: "=c,d",
      class: "Linear",
      parameters: 10,
      percent: 23.81,
      depth: 1,
      key: "g/head",
      macs: 8,
    },
  ].map((row) => ({ ...row, input: "1×3", output: "", kernel: null, trainable: "yes", mark: "" }));
  const totals = { parameters: 42, trainable: 42, macs: 32, unknown: 1, input_bytes: 12 };

  const layers = () =>
    [...host.querySelectorAll(".dl-table tbody th")].map((one) => one.textContent);

  test("is sorted by a click, and back", async () => {
    const model = kernel();
    const sums = { ...totals, output_bytes: 0, parameter_bytes: 168 };
    model.answers["graph.summary"] = () => ({ meta: { rows, totals: sums } });
    await mount(model);
    await click(labelled("Table of all modules"));
    expect(layers()).toEqual(["Net", "a|b", "=c,d"]);
    const head = find(".dl-table thead th:nth-child(8) button");
    head.click();
    expect(layers()).toEqual(["Net", "=c,d", "a|b"]);
    head.click();
    // What is not known stands last.
    expect(layers()).toEqual(["=c,d", "Net", "a|b"]);
    head.click();
    expect(layers()).toEqual(["Net", "a|b", "=c,d"]);
    await click("[data-key='g/head']");
    expect(chosen()).toBe("g/head");
    expect(find(".dl-summary .dl-facts").textContent).toContain("≥ 32");
  });

  test("is copied as a spreadsheet and a document take it", () => {
    const cells = [
      ["Layer", "Parameters"],
      ["a|b", "32"],
      ["=c,d", "10"],
    ];
    expect(FORMATS.csv(cells)).toBe(`Layer,Parameters\na|b,32\n"'=c,d",10`);
    expect(FORMATS.markdown(cells)).toBe(
      "| Layer | Parameters |\n| --- | --- |\n| a\\|b | 32 |\n| =c,d | 10 |",
    );
    expect(FORMATS.text(cells)).toBe("Layer  Parameters\na|b    32\n=c,d   10");
  });
});

test("buttons open level by level and zoom", async () => {
  const model = kernel({}, { opened: [] });
  await mount(model);
  await click(labelled("Open a level"));
  expect(new Set(model.get("opened") as string[])).toEqual(new Set(["/block.0×", "/head"]));
  await click(labelled("Open a level"));
  expect(new Set(model.get("opened") as string[])).toEqual(
    new Set(["/block.0×", "/head", "/conv"]),
  );
  await click(labelled("Close a level"));
  expect(new Set(model.get("opened") as string[])).toEqual(new Set(["/block.0×", "/head"]));
  await click(labelled("Open all"));
  expect(model.get("opened")).toHaveLength(3);
});

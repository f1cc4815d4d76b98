import { describe, expect, test, vi } from "vitest";

import {
  census,
  type End,
  find,
  host,
  hostViews,
  render,
  view,
} from "../shared/testing/hosted_view.ts";
import { FakeKernel } from "./playground/testing/kernel.ts";

hostViews();

/** Mount a view and let it paint its first frame. */
async function mount(kernel: FakeKernel, end?: End): Promise<HTMLElement> {
  const { default: widget } = await import("./playground.ts");
  render(widget, kernel, end);
  await vi.advanceTimersByTimeAsync(1);
  kernel.frame();
  await paint();
  return find(".dl-playground");
}

async function paint(): Promise<void> {
  await vi.advanceTimersByTimeAsync(20);
}

function notice(): string | null {
  const element = find(".dl-notice");
  return element.hidden ? null : find(".dl-notice-text").textContent;
}

function press(element: HTMLElement): void {
  element.dispatchEvent(new MouseEvent("click", { bubbles: true }));
}

function choose(setting: string, index: number): HTMLSelectElement {
  const select = find(`select[data-setting="${setting}"]`, HTMLSelectElement);
  select.selectedIndex = index;
  select.dispatchEvent(new Event("change"));
  return select;
}

describe("a view", () => {
  test("opens with hello, paints, and acknowledges what it has painted", async () => {
    const kernel = new FakeKernel();
    const root = await mount(kernel);
    expect(kernel.last("hello").meta).toMatchObject({ have: { data: null } });
    kernel.frame({ epoch: 1234 });
    expect(kernel.last("ack").meta["seq"]).toBe(1);
    await paint();
    expect(kernel.last("ack").meta["seq"]).toBe(2);
    expect(root.dataset).toMatchObject({ epoch: "1234", frames: "2", state: "idle" });
    expect(find(".dl-epoch-value").textContent).toBe("001,234");
    expect(find("[data-loss=train]").textContent).toBe("0.500");
  });

  test("paints only the newest of the frames that came at once", async () => {
    const kernel = new FakeKernel();
    const root = await mount(kernel);
    kernel.frame({ seq: 7, epoch: 7 });
    kernel.frame({ seq: 8, epoch: 8 });
    await paint();
    expect(root.dataset["frames"]).toBe("2");
    expect(kernel.requests("ack").map(({ meta }) => meta["seq"])).toEqual([1, 8]);
  });

  test("does not disturb another view of the same model", async () => {
    const kernel = new FakeKernel();
    await mount(kernel);
    const other = document.createElement("div");
    const { default: widget } = await import("./playground.ts");
    const end = widget.render({ model: kernel, el: other, signal: view.signal } as never);
    await paint();
    end();
    kernel.frame({ epoch: 5 });
    await paint();
    expect(other.childElementCount).toBe(0);
    expect(find(".dl-playground").dataset["epoch"]).toBe("5");
  });
});

describe("settings", () => {
  test("show what was asked for at once, and stay when it is granted", async () => {
    const kernel = new FakeKernel();
    await mount(kernel);
    const select = choose("learning_rate", 2);
    const request = kernel.last("settings.set");
    expect(request.meta).toEqual({ learning_rate: 0.3 });
    expect(select.value).toBe("0.3");
    kernel.set("learning_rate", 0.3);
    kernel.reply(request);
    await paint();
    expect(select.value).toBe("0.3");
    expect(notice()).toBeNull();
  });

  test("fall back with the sentence when they are refused", async () => {
    const kernel = new FakeKernel();
    await mount(kernel);
    const select = choose("learning_rate", 2);
    kernel.refuse(
      kernel.last("settings.set"),
      "number",
      { name: "learning_rate", low: "1e-05", high: "10", given: "0.3" },
      "learning_rate must be a number between 1e-05 and 10; got 0.3.",
    );
    await paint();
    expect(select.value).toBe("0.03");
    expect(notice()).toBe("Learning rate must be a number between 1e-05 and 10; got 0.3.");
    press(find('[aria-label="Dismiss"]'));
    expect(notice()).toBeNull();
  });

  test("send one request at a time, and the newest wish after it", async () => {
    const kernel = new FakeKernel();
    await mount(kernel);
    const slider = find('input[data-setting="noise"]', HTMLInputElement);
    for (const noise of ["10", "15", "20"]) {
      slider.value = noise;
      slider.dispatchEvent(new Event("input"));
    }
    expect(kernel.requests("settings.set")).toHaveLength(1);
    kernel.set("noise", 10);
    kernel.reply(kernel.last("settings.set"));
    await paint();
    expect(kernel.requests("settings.set").map(({ meta }) => meta["noise"])).toEqual([10, 20]);
    expect(slider.value).toBe("20");
  });

  test("follow Python, also to values that are not on the menu", async () => {
    const kernel = new FakeKernel();
    await mount(kernel);
    kernel.set("learning_rate", 0.017);
    expect(find('select[data-setting="learning_rate"]', HTMLSelectElement).value).toBe("0.017");
    kernel.set("speed", 7);
    expect(find(".dl-speed output").textContent).toBe("7 epochs");
  });

  test("that are not numbers get a sentence and keep their value", async () => {
    const kernel = new FakeKernel();
    await mount(kernel);
    press(find(".dl-settings .dl-icon-button"));
    const field = find('[data-exact="seed"]', HTMLInputElement);
    field.value = "seven";
    field.dispatchEvent(new Event("input"));
    field.dispatchEvent(new Event("change"));
    expect(notice()).toBe("“seven” is not a number; Seed stays 0.");
    expect(field.value).toBe("0");
    expect(kernel.requests("settings.set")).toHaveLength(0);
  });

  test("of the network are drawn at once, before the first frame of it", async () => {
    const kernel = new FakeKernel();
    await mount(kernel);
    press(find('[aria-label="Add a hidden layer"]'));
    expect(host.querySelectorAll(".dl-unit")).toHaveLength(2 + 2 + 1);
    kernel.frame({ epoch: 1 });
    await paint();
    // An old frame does not bring the old network back.
    expect(host.querySelectorAll(".dl-unit")).toHaveLength(5);
    kernel.set("hidden", [2, 2]);
    kernel.reply(kernel.last("settings.set"));
    kernel.frame({ hidden: [2, 2] });
    await paint();
    expect(host.querySelectorAll(".dl-unit")).toHaveLength(5);
    kernel.set("hidden", [1]);
    kernel.frame({ hidden: [1] });
    await paint();
    expect(host.querySelectorAll(".dl-unit")).toHaveLength(2);
  });

  test("of the network that are refused bring the old one back", async () => {
    const kernel = new FakeKernel();
    await mount(kernel);
    press(find('[aria-label="Add a neuron to layer 1"]'));
    expect(host.querySelectorAll(".dl-unit")).toHaveLength(4);
    kernel.refuse(kernel.last("settings.set"), "brand_new", {}, "Not today.");
    await paint();
    expect(host.querySelectorAll(".dl-unit")).toHaveLength(3);
    expect(notice()).toBe("Not today.");
  });
});

describe("training", () => {
  test("play shows at once, and the kernel's word counts", async () => {
    const kernel = new FakeKernel();
    const root = await mount(kernel);
    press(find(".dl-play"));
    expect(root.dataset["state"]).toBe("running");
    expect(kernel.requests("trainer.play")).toHaveLength(1);
    kernel.set("state", "running");
    await paint();
    press(find(".dl-play"));
    expect(kernel.requests("trainer.pause")).toHaveLength(1);
    kernel.set("state", "paused");
    await paint();
    expect(root.dataset["state"]).toBe("paused");
  });

  test("that stops by itself says why and offers a way on", async () => {
    const kernel = new FakeKernel();
    const root = await mount(kernel);
    kernel.set("message", { key: "brand_new", params: {}, text: "The loss is NaN." });
    kernel.set("state", "failed");
    expect(root.dataset["state"]).toBe("failed");
    expect(notice()).toBe("The loss is NaN.");
    press(find(".dl-notice .dl-button"));
    expect(kernel.requests("trainer.reset")).toHaveLength(1);
    expect(notice()).toBeNull();
  });

  test("a bias is changed in the card of its unit, that of the output too", async () => {
    const kernel = new FakeKernel();
    await mount(kernel);
    press(find('[data-unit="1.0"]'));
    // x and y to two neurons: 4 weights, 2 biases, then 2 weights and the output's bias.
    expect(find(".dl-formula").textContent).toBe("output = tanh(0.90 + 0.70·a₁ + 0.80·a₂)");
    const bias = find(".dl-card input", HTMLInputElement);
    bias.value = "-1,5";
    bias.dispatchEvent(new Event("input"));
    bias.dispatchEvent(new Event("change"));
    expect(kernel.last("parameter.set").meta).toEqual({ index: 8, value: -1.5, network: 1 });
  });
});

describe("frames", () => {
  test("of a hidden tab are not acknowledged; shown again it says hello", async () => {
    const kernel = new FakeKernel();
    await mount(kernel);
    const hidden = vi.spyOn(document, "hidden", "get").mockReturnValue(true);
    kernel.frame({ epoch: 9 });
    await paint();
    expect(kernel.requests("ack")).toHaveLength(1);
    hidden.mockReturnValue(false);
    document.dispatchEvent(new Event("visibilitychange"));
    expect(kernel.requests("hello")).toHaveLength(2);
    expect(kernel.last("hello").meta).toMatchObject({ have: { data: 1 } });
    kernel.frame({ epoch: 10 });
    await paint();
    expect(find(".dl-playground").dataset["epoch"]).toBe("10");
  });

  test("of a view that is scrolled away are not acknowledged either", async () => {
    const kernel = new FakeKernel();
    await mount(kernel);
    census.scrollTo(false);
    kernel.frame();
    await paint();
    expect(kernel.requests("ack")).toHaveLength(1);
    census.scrollTo(true);
    expect(kernel.requests("hello")).toHaveLength(2);
  });

  test("of other data than the view holds make it ask, once", async () => {
    const kernel = new FakeKernel();
    await mount(kernel);
    expect(kernel.requests("data.get")).toHaveLength(0);
    delete kernel.answers["data.get"];
    kernel.frame({ data: 2 });
    await paint();
    kernel.frame({ data: 2 });
    await paint();
    expect(kernel.requests("data.get")).toHaveLength(1);
  });

  test("that break the protocol are told", async () => {
    const kernel = new FakeKernel();
    await mount(kernel);
    kernel.say({ kind: "frame.show", seq: 9, meta: { features: [], hidden: [] }, arrays: {} });
    await paint();
    expect(notice()).toContain("losses");
  });
});

describe("the kernel", () => {
  test("that does not answer is said to be busy; a late answer is welcome", async () => {
    const kernel = new FakeKernel();
    delete kernel.answers["hello"];
    const { default: widget } = await import("./playground.ts");
    render(widget, kernel);
    const root = find(".dl-playground");
    expect(root.dataset["connection"]).toBe("connecting");
    expect(find("fieldset", HTMLFieldSetElement).disabled).toBe(true);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(root.dataset["connection"]).toBe("silent");
    expect(notice()).toContain("busy");
    kernel.frame();
    await paint();
    expect(root.dataset["connection"]).toBe("live");
    expect(notice()).toBeNull();
    expect(find("fieldset", HTMLFieldSetElement).disabled).toBe(false);
  });

  test.each(["comm_live_update", "comm:close"])(
    "that is gone (%s) is said to be",
    async (event) => {
      const kernel = new FakeKernel();
      const root = await mount(kernel);
      delete kernel.answers["hello"];
      kernel.emit(event);
      expect(root.dataset["connection"]).toBe("gone");
      expect(notice()).toContain("Run the cell again");
      expect(find("fieldset", HTMLFieldSetElement).disabled).toBe(true);
      // The last picture stays.
      expect(root.dataset["epoch"]).toBe("0");
      expect(find(".dl-epoch-value").textContent).toBe("000,000");
    },
  );
});

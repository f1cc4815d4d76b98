import { expect, test, vi } from "vitest";

import { curvePoints } from "../draw/curves.ts";
import { lossLook } from "../draw/looks.ts";
import { f4, FakeModel } from "../shared/testing/model.ts";
import { find, host, hostViews, view } from "../shared/testing/hosted_view.ts";
import { chart, type ChartOptions } from "./chart.ts";
import { explainer, numbers } from "./explainer.ts";

const words = {
  title: "Power",
  question: "How fast does it grow?",
  power: "Power",
  tip_power: "The exponent.",
  kind_odd: "odd ones",
  about: "About it.",
  first: "First",
  group_more: "More",
  try_steep: "Steep",
  tip_try_steep: "It goes up at once.",
  try_flat: "Flat",
  tip_try_flat: "It does not move.",
};
const setting = (name: string, kind: string, more: object = {}) => ({
  name,
  kind,
  group: null,
  default: null,
  ...more,
});
const SCHEMA = [
  setting("power", "number", { low: 0, high: 5, step: 0.5 }),
  setting("count", "number", { low: 1, high: 9, step: 1, whole: true }),
  setting("kind", "choice", { allowed: [null, "odd", "even"] }),
  setting("shown", "flag"),
  setting("parts", "choices", { allowed: ["a", "b"] }),
  setting("sixth", "flag"),
  setting("exact", "number", { low: 0, high: 1, step: null, group: "more" }),
  setting("drawn_by_the_author", "sizes"),
];
const VALUES = {
  power: 2,
  count: 3,
  kind: "odd",
  shown: true,
  parts: ["a"],
  sixth: false,
  exact: 1,
};
const X = [1, 10, 100, 1000, 10_000];

hostViews();

let chosen: number[] = [];

function kernel(traits: Record<string, unknown> = {}): FakeModel {
  const model = new FakeModel({ language: "en", schema: SCHEMA, code: true, ...VALUES, ...traits });
  model.answers["hello"] = () => ({ arrays: { x: f4(...X), y: f4(5, 4, 3, 2, 1) } });
  model.answers["settings.set"] = ({ meta }) => {
    for (const [name, value] of Object.entries(meta)) model.set(name, value);
    return {};
  };
  return model;
}

async function mount(model: FakeModel, options: Partial<ChartOptions> = {}): Promise<HTMLElement> {
  chosen = [];
  const { render } = explainer({
    name: "power",
    words: { en: words, es: { ...words, title: "Potencia", question: "¿Qué tan rápido crece?" } },
    help: ["about", ["first"]],
    draw: (made) => {
      const { frame } = made;
      const [x, y] = [() => numbers(frame.value, "x"), () => numbers(frame.value, "y")];
      const curve = { look: lossLook("train", false), axis: "y" };
      const part = chart(made, {
        label: "The curve",
        scene: () => ({
          x: { label: "x", low: 1, high: 10_000, log: true },
          y: [{ key: "y", label: "y" }],
          curves: [{ ...curve, points: curvePoints(x(), y()) }],
        }),
        readings: (at) => [["y", at === null ? null : String(y()[at])]],
        choose: (at) => chosen.push(at),
        ...options,
      });
      return [part.element];
    },
  });
  render({ model, el: host, signal: view.signal } as never);
  await vi.advanceTimersByTimeAsync(20);
  return find(".dl-power");
}

const area = () => find(".dl-area");
const reading = () => find(".dl-reading-value").textContent;
const at = () => area().getAttribute("aria-valuenow");
const key = (name: string) =>
  area().dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true }));

/** The axis goes over four powers of ten; a host without layout leaves it 724 px. */
function pointer(type: string, x: number): void {
  const clientX = (Math.log10(x) / 4) * 724;
  area().dispatchEvent(new MouseEvent(type, { clientX, bubbles: true }));
}

test("five settings are in sight, each with the control of its kind; the rest is advanced", async () => {
  await mount(kernel());
  const names = (root: string) => [
    ...new Set(
      [...host.querySelectorAll<HTMLElement>(`${root} [data-setting]`)].map(
        ({ dataset, tagName }) => `${dataset["setting"]} ${tagName}`,
      ),
    ),
  ];
  expect(names(".dl-settings")).toEqual([
    "power INPUT",
    "count INPUT",
    "kind SELECT",
    "shown INPUT",
    "parts INPUT",
  ]);
  expect([...find("select", HTMLSelectElement).options].map(({ text }) => text)).toEqual([
    "–",
    "odd ones",
    "even",
  ]);
  find("[aria-label=Advanced]").click();
  expect(names(".dl-advanced")).toEqual(["sixth INPUT", "exact INPUT"]);
  expect(find(".dl-advanced h4").textContent).toBe("More");
});

test("a control asks Python, shows at once, and goes back where that is refused", async () => {
  const model = kernel();
  await mount(model);
  const slider = find("[data-setting=power]", HTMLInputElement);
  slider.value = "3.5";
  slider.dispatchEvent(new Event("input"));
  expect(model.last("settings.set").meta).toEqual({ power: 3.5 });
  const [a, b] = host.querySelectorAll<HTMLInputElement>("[data-setting=parts]");
  b!.click();
  await vi.advanceTimersByTimeAsync(1);
  expect(model.last("settings.set").meta).toEqual({ parts: ["a", "b"] });

  delete model.answers["settings.set"];
  a!.click();
  expect(find(".dl-power").getAttribute("aria-busy")).toBe("true");
  model.refuse(model.last("settings.set"), "some", { name: "power" }, "power cannot be empty.");
  await vi.advanceTimersByTimeAsync(1);
  expect(a!.checked).toBe(true);
  expect(find(".dl-notice-text").textContent).toBe("Power cannot be empty.");
});

test("a preset is asked for by its name; the one that is in use says what to see", async () => {
  const model = kernel({
    presets: { steep: { ...VALUES, power: 5 }, flat: { ...VALUES, power: 0 } },
  });
  model.answers["preset.use"] = ({ meta }) => {
    model.set("power", meta["name"] === "flat" ? 0 : 5);
    return {};
  };
  await mount(model);
  const said = () => find(".dl-surprise").textContent;
  const pressed = () =>
    [...host.querySelectorAll("[data-preset]")].map((one) => one.getAttribute("aria-pressed"));
  expect([said(), pressed()]).toEqual(["", ["false", "false"]]);
  find("[data-preset=flat]").click();
  await vi.advanceTimersByTimeAsync(1);
  expect(model.last("preset.use").meta).toEqual({ name: "flat" });
  expect([said(), pressed()]).toEqual(["It does not move.", ["false", "true"]]);
  const slider = find("[data-setting=power]", HTMLInputElement);
  slider.value = "5";
  slider.dispatchEvent(new Event("input"));
  expect([said(), pressed()]).toEqual(["It goes up at once.", ["true", "false"]]);
});

test("it draws what comes with hello and with the stream, and says what stands in the way", async () => {
  const model = kernel();
  const root = await mount(model);
  expect(root.dataset["drawn"]).toBe("");
  pointer("pointermove", 1);
  expect(reading()).toBe("5");
  model.say({
    kind: "explainer.show",
    seq: 1,
    meta: {},
    arrays: { x: f4(...X), y: f4(9, 8, 7, 6, 5) },
  });
  await vi.advanceTimersByTimeAsync(50);
  expect(reading()).toBe("9");
  expect(model.requests("ack").at(-1)?.meta["seq"]).toBe(1);
  model.set("problem", { key: "closed", params: {}, text: "It cannot be computed." });
  expect(find(".dl-notice-text").textContent).toBe("It cannot be computed.");
  model.set("problem", null);
  expect(find(".dl-notice").hidden).toBe(true);
});

test("title, question, help and code stand in their places", async () => {
  const model = kernel({ language: "es" });
  model.answers["code.get"] = () => ({ meta: { pytorch: "y = x ** 2" } });
  await mount(model);
  expect(find(".dl-title").textContent).toBe("Potencia¿Qué tan rápido crece?");
  find("[aria-label='Código']").click();
  await vi.advanceTimersByTimeAsync(1);
  expect(find("code").textContent).toBe("y = x ** 2");
  find("[aria-label=Ayuda]").click();
  expect(find(".dl-help").innerHTML).toBe("<p>About it.</p><ol><li>First</li></ol>");
});

test("the cursor snaps to the point that is nearest on the axis as drawn, and reads it", async () => {
  await mount(kernel());
  expect(reading()).toBe("–");
  pointer("pointermove", 12);
  expect(reading()).toBe("4");
  expect(host.querySelectorAll(".dl-dot")).toHaveLength(1);
  // In the middle between 10 and 100 for the eye.
  pointer("pointermove", 33);
  expect(reading()).toBe("3");
  pointer("click", 33);
  expect(chosen).toEqual([2]);
  pointer("pointerleave", 1);
  expect(reading()).toBe("–");
  expect(host.querySelectorAll(".dl-dot")).toHaveLength(0);
});

test("keys move the cursor from where it begins, within the curve, and choose", async () => {
  await mount(kernel(), { start: () => 2 });
  area().focus();
  expect(reading()).toBe("3");
  const walk = ["ArrowRight", "ArrowLeft", "ArrowDown", "ArrowUp", "Home", "ArrowLeft", "End"];
  expect(walk.map((name) => (key(name), Number(at())))).toEqual([3, 2, 1, 2, 0, 0, 4]);
  key("PageDown");
  expect(at()).toBe("0");
  key("Enter");
  key("End");
  key(" ");
  expect(chosen).toEqual([0, 4]);
  area().blur();
  expect(reading()).toBe("–");
});

test("it keeps its keys from the notebook, and leaves it the others", async () => {
  await mount(kernel());
  const heard: string[] = [];
  host.addEventListener("keydown", (event) => heard.push(event.key));
  ["ArrowRight", "Enter", "Tab", "j"].forEach(key);
  expect(heard).toEqual(["Tab", "j"]);
});

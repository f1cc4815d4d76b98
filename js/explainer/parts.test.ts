/** The parts that explainers are put together from, each in a view of its own. */

import { signal } from "@preact/signals-core";
import { expect, test, vi } from "vitest";

import { find, host, hostViews, render, view } from "../shared/testing/hosted_view.ts";
import { FakeModel } from "../shared/testing/model.ts";
import { type Bar, bars } from "./bars.ts";
import { explainer } from "./explainer.ts";
import { formula } from "./formula.ts";
import { histograms } from "./histograms.ts";
import type { ExplainerView } from "./view.ts";

const words = { title: "Parts" };

hostViews();

async function mount(draw: (made: ExplainerView) => readonly HTMLElement[]): Promise<void> {
  const model = new FakeModel({ language: "en", schema: [] });
  model.answers["hello"] = () => ({});
  render(explainer({ name: "parts", words: { en: words, es: words }, help: [], draw }), model);
  await vi.advanceTimersByTimeAsync(20);
}

const key = (element: Element, name: string) =>
  element.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true }));

test("a formula is written anew with the numbers that hold now", async () => {
  const slope = signal(0.01);
  await mount((made) => [
    formula(made, {
      label: "Leaky",
      source: () => [String.raw`f(x) = \val{slope} x`, "y"],
      values: () => ({ slope: slope.value }),
    }),
  ]);
  const lines = () =>
    [...host.querySelectorAll(".dl-formula math")].map(({ textContent }) => textContent);
  expect(lines()).toEqual(["f(x)=0.01x", "y"]);
  slope.value = -2;
  expect(lines()).toEqual(["f(x)=−2x", "y"]);
});

/** A track in a host without layout. */
function layOut(track: Element): void {
  track.getBoundingClientRect = () => ({ bottom: 200, height: 100 }) as DOMRect;
  track.setPointerCapture = () => undefined;
}

test("a bar is dragged to a place, in steps, and moved by keys within its range", async () => {
  const values = signal<readonly number[]>([1, -2]);
  const set: [number, number][] = [];
  await mount((made) => [
    bars(made, {
      label: "Logits",
      bars: () => values.value.map((value, i): Bar => ({ label: `class ${i}`, value })),
      range: () => ({ low: -5, high: 5 }),
      step: 0.5,
      drag: (index, value) => {
        set.push([index, value]);
        values.value = values.value.map((old, i) => (i === index ? value : old));
      },
    }),
  ]);
  const [, second] = host.querySelectorAll(".dl-bar-track");
  layOut(second!);
  const drag = (type: string, clientY: number) =>
    second!.dispatchEvent(new MouseEvent(type, { clientY, bubbles: true }));
  drag("pointermove", 190);
  drag("pointerdown", 168);
  drag("pointermove", 167);
  drag("pointermove", 50);
  drag("pointerup", 50);
  drag("pointermove", 190);
  // What is nearer to where it is does not move it.
  expect(set).toEqual([
    [1, -1.5],
    [1, 5],
  ]);
  expect(second!.getAttribute("aria-valuenow")).toBe("5");
  set.length = 0;
  for (const name of ["ArrowDown", "PageDown", "Home", "ArrowLeft", "End", "Tab"]) {
    key(second!, name);
  }
  expect(set.map(([, value]) => value)).toEqual([4.5, -0.5, -5, 5]);
});

test("the label of a bar chooses it where one may choose", async () => {
  const chosen = signal(0);
  await mount((made) => [
    bars(made, {
      label: "Classes",
      bars: () =>
        ["cat", "dog"].map((label, i) => ({ label, value: 1, chosen: i === chosen.value })),
      range: () => ({ low: 0, high: 1 }),
      choose: { label: ({ label }) => `It is a ${label}`, act: (index) => (chosen.value = index) },
    }),
  ]);
  const pressed = () =>
    [...host.querySelectorAll("button.dl-bar-label")].map((one) =>
      one.getAttribute("aria-pressed"),
    );
  find("[aria-label='It is a dog']").click();
  expect(pressed()).toEqual(["false", "true"]);
});

test("bars that only show are no sliders, and go when they are no more", async () => {
  const count = signal(3);
  await mount((made) => [
    bars(made, {
      label: "Probabilities",
      bars: () =>
        Array.from({ length: count.value }, (_, i) => ({
          label: `c${i}`,
          value: i - 1,
          chosen: i === 2,
        })),
      range: () => ({ low: -2, high: 2 }),
    }),
  ]);
  expect(host.querySelectorAll("[role=slider]")).toHaveLength(0);
  expect([...host.querySelectorAll(".dl-bar")].map((one) => one.matches("[data-chosen]"))).toEqual([
    false,
    false,
    true,
  ]);
  const fills = [...host.querySelectorAll<HTMLElement>(".dl-bar-fill")];
  expect(fills.map(({ style }) => [style.bottom, style.height])).toEqual([
    ["25%", "25%"],
    ["50%", "0%"],
    ["50%", "25%"],
  ]);
  expect(find(".dl-bar-track").getAttribute("aria-label")).toBe("c0 −1.000");
  count.value = 1;
  expect(host.querySelectorAll(".dl-bar")).toHaveLength(1);
});

test("histograms are read one by one, by pointer and keys", async () => {
  await mount((made) => [
    histograms(made, {
      label: "Activations by layer",
      scene: () => ({
        y: { label: "value", range: { low: -1, high: 1 } },
        label: "layer",
        columns: [1, 2, 3, 4].map((i) => ({ label: String(i), counts: [i, 0, 1], color: "blue" })),
      }),
      readings: (at) => [["layer", at === null ? null : String(at + 1)]],
    }),
  ]);
  const area = find(".dl-area");
  const reading = () => find(".dl-reading-value").textContent;
  expect(reading()).toBe("–");
  // The axis takes 62 of 400 px on the left and 14 on the right.
  area.dispatchEvent(new MouseEvent("pointermove", { clientX: 62 + 324 * 0.6, bubbles: true }));
  expect(reading()).toBe("3");
  area.dispatchEvent(new MouseEvent("pointerleave"));
  expect(reading()).toBe("–");
  area.focus();
  for (const name of ["ArrowRight", "ArrowRight", "End", "ArrowUp", "Home", "ArrowLeft"]) {
    key(area, name);
  }
  expect(area.getAttribute("aria-valuetext")).toBe("layer 1");
  view.abort();
});

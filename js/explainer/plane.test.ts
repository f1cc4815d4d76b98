import { signal } from "@preact/signals-core";
import { expect, test, vi } from "vitest";

import { translator } from "../shared/i18n.ts";
import { find, host, hostViews, view } from "../shared/testing/hosted_view.ts";
import { type Handle, plane, type PlaneOptions, type PlanePart } from "./plane.ts";
import type { ExplainerView } from "./view.ts";

hostViews();

const THEME = { dark: false, background: "#fff", text: "#222", muted: "#555", line: "#ddd" };
const GRID = { values: new Float32Array(25).map((_, i) => i), rows: 5, columns: 5 };
/** A host without layout leaves the plane 480 × 360, of which axes take the rest. */
const [WIDTH, HEIGHT] = [404, 318];

let part: PlanePart;
let moves: [string, number, number, boolean][];
let chosen: (readonly [number, number])[];
const handles = signal<readonly Handle[]>([]);
const over = vi.fn(() => ({ trails: [], arrows: [], signs: [] }));

function mount(options: Partial<PlaneOptions> = {}): void {
  const nothing = () => undefined;
  Object.assign(Element.prototype, { setPointerCapture: nothing, releasePointerCapture: nothing });
  [moves, chosen] = [[], []];
  over.mockClear();
  const theme = signal(THEME);
  const made = { view: "dl", t: translator("en"), theme, lifetime: view.signal };
  part = plane(made as unknown as ExplainerView, {
    label: "A plane",
    keys: "Arrow keys move.",
    ground: () => ({
      x: { label: "x", low: -2, high: 2 },
      y: { label: "y", low: 0, high: 10 },
      grid: GRID,
      levels: [5, 10, 15],
      color: () => 1,
    }),
    over,
    handles: () => handles.value,
    moved: (name, [x, y], done) => moves.push([name, x, y, done]),
    choose: (place) => chosen.push(place),
    ...options,
  });
  host.append(part.element);
}

const START = { name: "start", x: -1, y: 2.5, label: "start", spoken: "Start: −1, 2.5" };
const drag = () => find("[data-handle=start]");
const pointer = (target: Element, type: string, x: number, y: number) =>
  target.dispatchEvent(new MouseEvent(type, { clientX: x, clientY: y, bubbles: true }));
const key = (target: Element, name: string, shiftKey = false) =>
  target.dispatchEvent(new KeyboardEvent("keydown", { key: name, shiftKey, bubbles: true }));

test("a handle stands at its place, and follows the pointer and the arrow keys", () => {
  handles.value = [START];
  mount();
  const [left, top] = [drag().style.left, drag().style.top].map(parseFloat) as [number, number];
  expect([left / WIDTH, top / HEIGHT]).toEqual([expect.closeTo(0.25, 2), expect.closeTo(0.75, 2)]);
  expect(drag().getAttribute("aria-label")).toBe("Start: −1, 2.5");
  pointer(drag(), "pointermove", 10, 10);
  expect(moves).toEqual([]);
  pointer(drag(), "pointerdown", left, top);
  pointer(drag(), "pointermove", 0.5 * WIDTH, 0.5 * HEIGHT);
  pointer(drag(), "pointerup", 9 * WIDTH, -9);
  pointer(drag(), "pointermove", 10, 10);
  expect(moves).toEqual([
    ["start", expect.closeTo(0, 1), expect.closeTo(5, 1), false],
    ["start", 2, 10, true],
  ]);
  moves.length = 0;
  key(drag(), "ArrowRight");
  key(drag(), "ArrowUp", true);
  key(drag(), "Home");
  expect(moves).toEqual([
    ["start", expect.closeTo(-0.9, 5), expect.closeTo(2.5, 5), true],
    ["start", expect.closeTo(-1, 5), expect.closeTo(2.525, 5), true],
  ]);
});

test("one that is dragged stays the same element, one that is gone goes", () => {
  handles.value = [START];
  mount();
  const element = drag();
  handles.value = [{ ...START, x: 1, spoken: "Start: 1, 2.5" }];
  expect(drag()).toBe(element);
  expect(element.getAttribute("aria-label")).toBe("Start: 1, 2.5");
  handles.value = [];
  expect(host.querySelectorAll(".dl-drag")).toHaveLength(0);
});

test("a place is read under the pointer, and chosen by a click or by keys", () => {
  handles.value = [];
  mount({ describe: ([x, y]) => `at ${x.toFixed(1)} and ${y.toFixed(1)}` });
  const element = find(".dl-place");
  pointer(element, "pointermove", 0.75 * WIDTH, 0.5 * HEIGHT);
  expect(part.place.value).toEqual([expect.closeTo(1, 1), expect.closeTo(5, 1)]);
  pointer(element, "click", 0.75 * WIDTH, 0.5 * HEIGHT);
  pointer(element, "pointerleave", 0, 0);
  expect(part.place.value).toBeNull();
  const heard: string[] = [];
  host.addEventListener("keydown", (event) => heard.push(event.key));
  element.focus();
  for (const name of ["ArrowLeft", "ArrowUp", "Enter", "Tab"]) key(element, name);
  expect(chosen).toHaveLength(2);
  expect(chosen[0]).toEqual([expect.closeTo(1, 1), expect.closeTo(5, 1)]);
  const [x, y] = part.place.value!;
  expect(chosen[1]).toEqual([x, y]);
  expect(find("[aria-live]").textContent).toBe(`at ${x.toFixed(1)} and ${y.toFixed(1)}`);
  expect(heard).toEqual(["Tab"]);
  element.blur();
  expect(find(".dl-cross").hidden).toBe(true);
});

test("without anything to choose it takes no keys", () => {
  handles.value = [START];
  mount({ choose: undefined as never });
  expect(find(".dl-place").getAttribute("tabindex")).toBeNull();
  expect(find(".dl-area").getAttribute("role")).toBe("group");
});

import { signal } from "@preact/signals-core";
import { beforeEach, expect, test, vi } from "vitest";

import { translator } from "../shared/i18n.ts";
import { find, host, hostViews, view } from "../shared/testing/hosted_view.ts";
import { Tooltips } from "../shared/ui/tooltip.ts";
import { player, type PlayerOptions, type PlayerPart } from "./player.ts";
import type { ExplainerView } from "./view.ts";

hostViews();

let part: PlayerPart;
const ready = signal(100);
const end = signal(100);

function mount(options: Partial<PlayerOptions> = {}): void {
  const tips = new Tooltips(host, "dl", view.signal);
  const made = { view: "dl", t: translator("en"), tips, lifetime: view.signal };
  part = player(made as unknown as ExplainerView, {
    end: () => end.value,
    ready: () => ready.value,
    speed: 30,
    ...options,
  });
  host.append(part.element);
}

beforeEach(() => {
  [ready.value, end.value] = [100, 100];
});

const shown = () => find(".dl-step").textContent;
const press = (label: string) => find(`[aria-label="${label}"]`).click();

test("plays at its speed, pauses, and begins again from the end", async () => {
  mount();
  find(".dl-play").click();
  await vi.advanceTimersByTimeAsync(1000);
  expect(part.at.value).toBeGreaterThanOrEqual(29);
  expect(part.at.value).toBeLessThanOrEqual(31);
  find(".dl-play").click();
  const there = part.at.value;
  await vi.advanceTimersByTimeAsync(1000);
  expect(part.at.value).toBe(there);
  part.play();
  await vi.advanceTimersByTimeAsync(4000);
  expect([part.at.value, part.playing.value]).toEqual([100, false]);
  expect(shown()).toBe("100 / 100");
  part.play();
  await vi.advanceTimersByTimeAsync(200);
  expect(part.at.value).toBeLessThan(10);
});

test("waits for what is computed, and shows nothing before it is", async () => {
  ready.value = 10;
  mount();
  part.play();
  await vi.advanceTimersByTimeAsync(2000);
  expect([part.at.value, part.playing.value]).toEqual([10, true]);
  ready.value = 40;
  await vi.advanceTimersByTimeAsync(500);
  expect(part.at.value).toBeGreaterThan(20);
  expect(part.at.value).toBeLessThan(28);
  const range = find("[type=range]", HTMLInputElement);
  range.value = "90";
  range.dispatchEvent(new Event("input"));
  expect([part.at.value, range.value, part.playing.value]).toEqual([40, "40", false]);
  ready.value = 3;
  expect(part.at.value).toBe(3);
});

test("goes a step on and back, to the beginning, and faster when told", async () => {
  mount();
  press("One step on");
  press("One step on");
  press("One step back");
  expect(shown()).toBe("1 / 100");
  expect(find("[type=range]").getAttribute("aria-valuetext")).toBe("step 1 of 100");
  press("To the beginning");
  press("One step back");
  expect(part.at.value).toBe(0);
  const choice = find("select", HTMLSelectElement);
  choice.value = "120";
  choice.dispatchEvent(new Event("change"));
  part.play();
  await vi.advanceTimersByTimeAsync(500);
  expect(part.at.value).toBeGreaterThan(56);
  expect(part.at.value).toBeLessThan(63);
});

test("asks for no more frames when its view is over", async () => {
  mount();
  part.play();
  await vi.advanceTimersByTimeAsync(100);
  view.abort();
  expect(vi.getTimerCount()).toBe(0);
  const there = part.at.value;
  await vi.advanceTimersByTimeAsync(1000);
  expect(part.at.value).toBe(there);
});

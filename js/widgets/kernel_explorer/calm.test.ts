import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { calmly } from "./calm.ts";

let drawn: string[];
beforeEach(() => {
  drawn = [];
  vi.useFakeTimers();
});
afterEach(() => vi.useRealTimers());

test("few numbers are drawn at once, of many soon the last", () => {
  const lifetime = new AbortController();
  const calm = calmly(lifetime.signal);
  const draw = (size: number, name: string) => calm(size, () => drawn.push(name));
  draw(11, "a");
  draw(11, "b");
  draw(11, "c");
  expect(drawn).toEqual(["a"]);
  vi.advanceTimersByTime(60);
  expect(drawn).toEqual(["a", "c"]);
  draw(11, "d");
  draw(3, "e");
  draw(3, "f");
  vi.advanceTimersByTime(1000);
  expect(drawn).toEqual(["a", "c", "e", "f"]);
});

test("nothing is drawn when the view has ended", () => {
  const lifetime = new AbortController();
  const calm = calmly(lifetime.signal);
  calm(11, () => drawn.push("a"));
  calm(11, () => drawn.push("b"));
  lifetime.abort();
  vi.advanceTimersByTime(1000);
  expect(drawn).toEqual(["a"]);
});

import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { Throttle } from "./throttle.ts";

let done: string[];
let lifetime: AbortController;
let throttle: Throttle;
const act = (name: string) => () => done.push(name);

beforeEach(() => {
  done = [];
  vi.useFakeTimers();
  lifetime = new AbortController();
  throttle = new Throttle(lifetime.signal, 60);
});
afterEach(() => vi.useRealTimers());

test("the first is done at once, of those that follow soon the last", () => {
  for (const name of ["a", "b", "c"]) throttle.run(act(name));
  expect(done).toEqual(["a"]);
  vi.advanceTimersByTime(60);
  expect(done).toEqual(["a", "c"]);
  vi.advanceTimersByTime(1000);
  throttle.run(act("d"));
  expect(done).toEqual(["a", "c", "d"]);
});

test("what is urgent takes the place of what waits", () => {
  throttle.run(act("a"));
  throttle.run(act("b"));
  throttle.now(act("c"));
  vi.advanceTimersByTime(1000);
  expect(done).toEqual(["a", "c"]);
});

test("what waits is done sooner where that costs nothing more", () => {
  throttle.run(act("a"));
  throttle.run(act("b"));
  throttle.flush(40);
  expect(done).toEqual(["a"]);
  vi.advanceTimersByTime(40);
  throttle.flush(40);
  expect(done).toEqual(["a", "b"]);
  throttle.flush(0);
  vi.advanceTimersByTime(1000);
  expect(done).toEqual(["a", "b"]);
});

test("nothing is done when the view has ended", () => {
  throttle.run(act("a"));
  throttle.run(act("b"));
  lifetime.abort();
  vi.advanceTimersByTime(1000);
  expect(done).toEqual(["a"]);
});

import { expect, test } from "vitest";

import { Pace, PAUSE } from "./pace.ts";

test("a steady pace is found, a turn counts at once, a pause begins anew", () => {
  const pace = new Pace();
  pace.at(0, 0);
  expect(pace.speed).toBe(0);
  for (let i = 1; i < 12; i++) pace.at(20 * i, 10 * i);
  expect(pace.speed).toBeCloseTo(2, 2);
  pace.at(210, 120);
  expect(pace.speed).toBe(-1);
  pace.at(0, 121 + PAUSE);
  expect(pace.speed).toBe(0);
  pace.at(10, 122 + PAUSE);
  pace.rest();
  expect(pace.speed).toBe(0);
});

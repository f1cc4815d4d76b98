import { expect, test } from "vitest";

import { SingleFlight } from "./single_flight.ts";

test("one thing is under way at a time, and only the newest wish waits", async () => {
  const sent: string[] = [];
  const answers: (() => void)[] = [];
  const flight = new SingleFlight<string>((value) => {
    sent.push(value);
    return new Promise((resolve) => answers.push(resolve));
  });
  flight.want("a");
  flight.want("b");
  flight.want("c");
  expect(sent).toEqual(["a"]);
  answers[0]!();
  await expect.poll(() => sent).toEqual(["a", "c"]);
  answers[1]!();
  // Whoever is idle again sends at once.
  await expect
    .poll(() => {
      if (sent.length === 2) flight.want("d");
      return sent.length;
    })
    .toBe(3);
});

import { expect, test } from "vitest";
import { ago } from "./ago";

test.each([
  [0, "now"],
  [59, "now"],
  [-5, "now"], // the server's clock is ahead
  [60, "1 minute ago"],
  [3_599, "59 minutes ago"],
  [7_200, "2 hours ago"],
  [86_400, "yesterday"],
  [8 * 86_400, "last week"],
  [400 * 86_400, "last year"],
])("%i seconds: %s", (seconds, words) => {
  expect(ago(1e9 - seconds, 1e9, "en")).toBe(words);
});

test("in the page's language", () => {
  expect(ago(0, 7_200, "es-ES")).toBe("hace 2 horas");
});

import { expect, test } from "vitest";

import { featureLabel, formula } from "./formula.ts";

test("a formula has the unit's actual numbers", () => {
  expect(formula("tanh", 0.1, [0.23, -0.41], ["x", "y"])).toBe("tanh(0.10 + 0.23·x − 0.41·y)");
  expect(formula("relu", -1, [2], ["sin x"])).toBe("max(0, −1.00 + 2.00·(sin x))");
  expect(formula("linear", 0, [], [])).toBe("0.00");
  expect(["x", "x2", "sin_y", "xy"].map(featureLabel)).toEqual(["x", "x²", "sin y", "xy"]);
});

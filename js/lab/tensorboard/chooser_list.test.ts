import { expect, test } from "vitest";
import { choicePath, choices } from "./chooser_list";

const LOGDIRS = ["runs", "runs/LeNet", "runs/mlp", "old/lenet", ""].map((path) => ({
  path,
  runs: 1,
  modified: 0,
}));

function offered(typed: string): string[] {
  return choices(LOGDIRS, typed).map((choice) => `${choice.kind} ${choicePath(choice)}`);
}

test("all folders in the server's order while nothing is typed", () => {
  expect(offered(" ")).toEqual(LOGDIRS.map(({ path }) => `logdir ${path}`));
});

test("those with every word, then what was typed as a path", () => {
  expect(offered("lenet")).toEqual(["logdir runs/LeNet", "logdir old/lenet", "path lenet"]);
  expect(offered("net runs")).toEqual(["logdir runs/LeNet", "path net runs"]);
});

test("the folder that is called just so comes first, and only once", () => {
  expect(offered("runs")).toEqual(["logdir runs", "logdir runs/LeNet", "logdir runs/mlp"]);
  expect(offered("runs/mlp")).toEqual(["logdir runs/mlp"]);
});

test("what looks like a path is taken as one", () => {
  expect(offered("/data/lenet")[0]).toBe("path /data/lenet");
  expect(offered("~/runs")[0]).toBe("path ~/runs");
  expect(offered("C:\\runs")[0]).toBe("path C:\\runs");
});

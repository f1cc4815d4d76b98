import { describe, expect, test } from "vitest";
import { type Known, folderName, panelState } from "./panel_state";
import { problemOf } from "../servers/problems";
import type { TensorBoard } from "../servers/tensorboards";

const URL = "/dl-lab/tensorboard/1/";
const QUIET: Known = { asked: false, refusal: null, listed: undefined, unreachable: null };

function listed(change: Partial<TensorBoard>): TensorBoard {
  const ready: TensorBoard = {
    id: "1",
    logdir: "/home/runs",
    name: "runs",
    state: "ready",
    problem: null,
    url: URL,
  };
  return { ...ready, ...change };
}

describe("a panel's state", () => {
  const died = problemOf("died");
  const gone = problemOf("unreachable");

  test.each<[string, Partial<Known>, object]>([
    ["the server was asked", { asked: true }, { kind: "starting" }],
    ["it starts", { listed: listed({ state: "starting" }) }, { kind: "starting" }],
    ["it is ready", { listed: listed({}) }, { kind: "ready", url: URL }],
    ["it is no longer listed", {}, { kind: "stopped" }],
    [
      "its process died",
      { listed: listed({ state: "failed", problem: died }) },
      { kind: "failed", problem: died },
    ],
    [
      "it was refused",
      { refusal: problemOf("too_many") },
      { kind: "failed", problem: problemOf("too_many") },
    ],
    ["nobody answered the start", { refusal: gone }, { kind: "unreachable", problem: gone }],
    [
      "the server went away",
      { listed: listed({}), unreachable: gone },
      { kind: "unreachable", problem: gone },
    ],
    [
      "a restart after it died",
      { asked: true, listed: listed({ state: "failed", problem: died }) },
      { kind: "starting" },
    ],
  ])("when %s", (_, known, state) => {
    expect(panelState({ ...QUIET, ...known })).toEqual(state);
  });
});

test("a tab has the folder's own name", () => {
  expect(folderName("/home/ana/runs/lenet/")).toBe("lenet");
  expect(folderName("C:\\ana\\runs")).toBe("runs");
  expect(folderName("runs")).toBe("runs");
  expect(folderName("/")).toBe("/");
});

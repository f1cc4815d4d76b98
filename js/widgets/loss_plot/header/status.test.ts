import { describe, expect, test } from "vitest";

import { type Message, ProtocolError } from "../../../shared/kernel/protocol.ts";
import { readCurves } from "../chart/curves.ts";
import {
  doneShare,
  firstMessage,
  overall,
  readStatus,
  recorded,
  type RunStatus,
} from "./status.ts";
import { inOrder, seriesLabel } from "../legend/series.ts";
import { fileName } from "./export_panel.ts";

function run(changes: Partial<RunStatus> = {}): RunStatus {
  return {
    state: "idle",
    message: null,
    notes: [],
    epoch: 0,
    step: 0,
    lastEpoch: null,
    lastStep: null,
    stepsPerEpoch: null,
    stepsPerSecond: null,
    secondsLeft: null,
    learningRate: null,
    device: "cpu",
    memory: null,
    revision: 1,
    series: [],
    ...changes,
  };
}

const LOOK = { color: 2, dash: [6, 3], width: 2, marker: "square" };
const KIND = { group: "loss", part: "train", higher: false, look: LOOK } as const;

function message(meta: Record<string, unknown>, arrays: Message["arrays"] = {}): Message {
  return { kind: "plot.show", meta, arrays };
}

describe("a status", () => {
  test("knows the numbers that JSON lacks", () => {
    const series = [
      { ...KIND, name: "a", rows: 2, last: "NaN", best: null },
      { ...KIND, name: "b", rows: 1, last: "-Infinity", best: { step: 3, value: "Infinity" } },
    ];
    const [read] = readStatus(message({ runs: [{ state: "running", step: 5, series }] })).runs;
    expect(read!.series.map(({ last }) => last)).toEqual([NaN, -Infinity]);
    expect(read!.series[1]!.best).toEqual({ step: 3, epoch: null, seconds: null, value: Infinity });
    expect(read).toMatchObject({ step: 5, lastStep: null, memory: null, learningRate: null });
  });

  test("without runs breaks the protocol", () => {
    expect(() => readStatus(message({}))).toThrow(ProtocolError);
  });

  test.each([
    [["running", "failed", "finished"], "running"],
    [["paused", "finished"], "paused"],
    [["finished", "failed"], "failed"],
    [["finished", "finished"], "finished"],
    [["finished", "idle"], "idle"],
    [[], "idle"],
  ] as const)("of %j together is %s", (states, together) => {
    expect(overall(states.map((state) => run({ state })))).toBe(together);
  });

  test("says how much is done where the end is known", () => {
    expect(doneShare([run({ step: 25, lastStep: 100 })])).toBe(0.25);
    expect(doneShare([run({ step: 150, lastEpoch: 3, stepsPerEpoch: 100 })])).toBe(0.5);
    expect(doneShare([run({ epoch: 1, lastEpoch: 4 }), run({ step: 3, lastStep: 4 })])).toBe(0.5);
    expect(doneShare([run({ step: 9 })])).toBeNull();
    expect(doneShare([])).toBeNull();
  });

  test("tells the failed run's message first", () => {
    const paused = run({ state: "paused", message: { key: "a" } });
    const failed = run({ state: "failed", message: { key: "b" } });
    const stops = { run: 1, goesOn: false };
    expect(firstMessage([paused, failed])).toEqual({ ...stops, message: { key: "b" } });
    expect(firstMessage([run(), paused])).toEqual({ ...stops, message: { key: "a" } });
    expect(firstMessage([run()])).toBeNull();
  });

  test("tells the newest note of a run that goes on, where nothing stands in the way", () => {
    const noted = run({ state: "running", notes: [{ key: "a" }, { key: "b" }] });
    const note = { run: 1, message: { key: "b" }, goesOn: true };
    expect(firstMessage([run(), noted])).toEqual(note);
    const failed = run({ state: "failed", message: { key: "c" } });
    expect(firstMessage([noted, failed])?.message).toEqual({ key: "c" });
  });

  test("differs when rows came or the history is another", () => {
    const series = (rows: number) => [{ ...KIND, name: "a", rows, last: 0, best: null }];
    const before = recorded([run({ series: series(5) })]);
    expect(recorded([run({ series: series(5), step: 9 })])).toBe(before);
    expect(recorded([run({ series: series(6) })])).not.toBe(before);
    expect(recorded([run({ series: series(5), revision: 2 })])).not.toBe(before);
  });
});

describe("curves", () => {
  const f4 = (...values: number[]) => ({
    shape: [values.length],
    values: Float32Array.from(values),
  });
  const entry = { run: 0, name: "train_loss", revision: 1, rows: 3, exact: true, smooth: false };

  test("get their places back in double precision", () => {
    const arrays = { x0: f4(0, 1, 2), low0: f4(3, 2, 1), high0: f4(3, 2, 1) };
    const meta = { curves: [{ ...entry, origin: 4_000_000_001 }], extent: [1, 4_000_000_003] };
    const { curves, extent } = readCurves(message(meta, arrays), "step");
    expect([...curves[0]!.x]).toEqual([4_000_000_001, 4_000_000_002, 4_000_000_003]);
    expect(curves[0]!.smooth).toBeNull();
    expect(extent).toEqual({ low: 1, high: 4_000_000_003 });
  });

  test("that lack an array break the protocol", () => {
    const arrays = { x0: f4(0, 1), low0: f4(3, 2), high0: f4(3) };
    const meta = { curves: [{ ...entry, origin: 0 }], extent: null };
    expect(() => readCurves(message(meta, arrays), "step")).toThrow(ProtocolError);
  });
});

describe("series", () => {
  test("stand in order: losses first, train before validation, the rate last", () => {
    const { runs } = readStatus(
      message({
        runs: [
          {
            series: [
              { ...KIND, name: "learning_rate", group: "rate", part: null, higher: null },
              { ...KIND, name: "eval_loss", part: "validation" },
              { ...KIND, name: "norm", group: "no such", part: null, higher: null },
              { ...KIND, name: "loss" },
            ],
          },
        ],
      }),
    );
    expect([...runs[0]!.series].sort(inOrder).map(({ name }) => name)).toEqual([
      "loss",
      "eval_loss",
      "norm",
      "learning_rate",
    ]);
    expect(runs[0]!.series[0]!.look).toEqual(LOOK);
  });

  test("without a look are none", () => {
    const series = [{ name: "loss", group: "loss" }];
    expect(() => readStatus(message({ runs: [{ series }] }))).toThrow(ProtocolError);
  });

  test("are called by the field's terms, or as their author called them", () => {
    const t = (key: string) => (key === "loss_plot.series_train_loss" ? "Train loss" : key);
    expect(seriesLabel(t, "train_loss")).toBe("Train loss");
    expect(seriesLabel(t, "my_own_<b>")).toBe("my own <b>");
  });
});

test("a file's name has nothing that a file system minds", () => {
  expect(["lr = 0.1", "../../etc", "épocas", "///", "a:b*c"].map(fileName)).toEqual([
    "lr-0.1",
    "etc",
    "épocas",
    "loss-plot",
    "a-b-c",
  ]);
});

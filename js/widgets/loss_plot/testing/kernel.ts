/** The kernel's half of a LossPlot, as far as its views can tell. */

import type { Message, NamedArray } from "../../../shared/kernel/protocol.ts";
import { f4, FakeModel } from "../../../shared/testing/model.ts";

const TRAITS = {
  axis: "step",
  x_scale: "linear",
  y_scale: "linear",
  smoothing: 0,
  hidden: [],
  language: "en",
};

const CONTROLS = ["play", "pause", "step", "stop", "reset", "learning_rate"];

export interface FakeRun {
  name: string;
  controls?: readonly string[];
  state?: string;
  message?: unknown;
  notes?: readonly unknown[];
  step?: number;
  lastStep?: number | null;
  rate?: number | null;
  revision?: number;
  /** Recorded values by series: the row's number is its step. */
  series?: Record<string, number[]>;
}

export class FakePlot extends FakeModel {
  #seq = 0;
  readonly runs: FakeRun[];

  constructor(runs: FakeRun[] = [{ name: "lenet" }], traits: Record<string, unknown> = {}) {
    super({
      ...TRAITS,
      runs: runs.map(({ name, controls = CONTROLS }) => ({ name, controls })),
      ...traits,
    });
    this.runs = runs;
    this.answers["hello"] = () => ({ meta: { picture: "dl-lab-0123abc" } });
    this.answers["curves.get"] = (request) => this.curves(request);
    this.answers["place.get"] = ({ meta }) => ({
      meta: { step: Math.round(Number(meta["at"])), epoch: 0.5, seconds: 3 },
    });
    for (const kind of ["play", "pause", "stop", "reset", "step"]) {
      this.answers[`run.${kind}`] = () => ({});
    }
    this.answers["learning_rate.set"] = () => ({});
    this.answers["settings.set"] = ({ meta }: Message) => {
      for (const [name, value] of Object.entries(meta)) this.set(name, value);
      return {};
    };
  }

  /** Tell the views how far the runs are. */
  show(seq = ++this.#seq): void {
    this.say({ kind: "plot.show", seq, meta: { runs: this.runs.map(status) }, arrays: {} });
  }

  curves({ meta }: Message): Partial<Message> {
    const arrays: Record<string, NamedArray> = {};
    const low = meta["low"] as number | null;
    const high = meta["high"] as number | null;
    const curves = (meta["series"] as [number, string][]).map(([run, name], i) => {
      const values = this.runs[run]!.series![name]!;
      const rows = values
        .map((value, step) => [step, value] as const)
        .filter(([step]) => step >= (low ?? 0) && step <= (high ?? Infinity));
      const origin = rows[0]?.[0] ?? 0;
      arrays[`x${i}`] = f4(...rows.map(([step]) => step - origin));
      arrays[`low${i}`] = f4(...rows.map(([, value]) => value));
      arrays[`high${i}`] = f4(...rows.map(([, value]) => value));
      const smooth = Number(meta["smoothing"]) > 0;
      if (smooth) arrays[`smooth${i}`] = f4(...rows.map(([, value]) => value));
      const { revision = 1 } = this.runs[run]!;
      return { run, name, revision, rows: rows.length, exact: true, origin, smooth };
    });
    return { meta: { curves, extent: this.#extent() }, arrays };
  }

  #extent(): [number, number] | null {
    const counts = this.runs.flatMap(({ series = {} }) =>
      Object.values(series).map((values) => values.length),
    );
    const most = Math.max(0, ...counts);
    return most === 0 ? null : [0, most - 1];
  }
}

function status(run: FakeRun): Record<string, unknown> {
  const { state = "idle", message = null, step = 0, series = {}, revision = 1 } = run;
  return {
    state,
    message,
    notes: run.notes ?? [],
    epoch: 0,
    step,
    last_epoch: null,
    last_step: run.lastStep ?? null,
    steps_per_epoch: 100,
    steps_per_second: state === "running" ? 1234 : null,
    seconds_left: state === "running" ? 130 : null,
    learning_rate: run.rate === undefined ? 0.1 : run.rate,
    device: "cpu",
    memory: 312_000_000,
    revision,
    series: Object.entries(series).map(([name, values]) => ({
      name,
      ...kind(name),
      rows: values.length,
      last: plain(values.at(-1) ?? null),
      best:
        name === "learning_rate" || values.length === 0
          ? null
          : { step: 1, epoch: 0.01, seconds: 0.1, value: Math.min(...values) },
    })),
  };
}

/** As the kernel knows it. */
function kind(name: string): Record<string, unknown> {
  const rate = name === "learning_rate";
  const part = rate ? null : name.startsWith("validation") ? "validation" : "train";
  const share = name.endsWith("accuracy");
  const look = { color: 2, dash: [], width: 1.75, marker: "circle" };
  return {
    part,
    group: rate ? "rate" : share ? "share" : "loss",
    higher: rate ? null : share,
    look: part === "validation" ? { ...look, color: 3, dash: [6, 3] } : look,
  };
}

function plain(value: number | null): number | string | null {
  return value === null || Number.isFinite(value) ? value : String(value);
}

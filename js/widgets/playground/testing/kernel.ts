/** The Python half of a Playground, as far as a test of the view needs one. */

import { FakeModel, f4 } from "../../../shared/testing/model.ts";
import type { Message, NamedArray } from "../../../shared/kernel/protocol.ts";
import { SIDE } from "../frame.ts";

const TRAITS = {
  data: "circle",
  problem: "classification",
  noise: 0,
  train_ratio: 0.5,
  batch_size: 10,
  features: ["x", "y"],
  hidden: [2],
  activation: "tanh",
  learning_rate: 0.03,
  regularization: null,
  regularization_rate: 0,
  seed: 0,
  shuffle: false,
  speed: null,
  show_test: false,
  discretize: false,
  language: "en",
  state: "idle",
  message: null,
  choices: {
    problem: ["classification", "regression"],
    data: { classification: ["circle", "xor", "gauss", "spiral"], regression: ["plane", "gauss"] },
    activation: ["relu", "tanh", "sigmoid", "linear"],
    regularization: [null, "L1", "L2"],
    learning_rate: [0.003, 0.03, 0.3],
    regularization_rate: [0, 0.1],
    features: ["x", "y", "x2", "y2", "xy", "sin_x", "sin_y"],
    speed: [1, 10, null],
    noise: [0, 50, 5],
    train_ratio: [0.1, 0.9, 0.1],
    batch_size: [1, 30, 1],
    neurons: [1, 16, 1],
    layers: [0, 8, 1],
    seed: [0, 100, 1],
  },
};

export interface FrameOptions {
  readonly seq?: number;
  readonly epoch?: number;
  readonly data?: number;
  readonly hidden?: readonly number[];
}

export class FakeKernel extends FakeModel {
  #seq = 0;

  constructor(traits: Partial<typeof TRAITS> | Record<string, unknown> = {}) {
    super({ ...TRAITS, ...traits });
    this.answers["hello"] = () => ({
      arrays: { features: grids(7), ...points },
      meta: { data: 1 },
    });
    this.answers["data.get"] = () => ({ arrays: points, meta: { data: 2 } });
    for (const kind of ["trainer.play", "trainer.pause", "trainer.step", "trainer.reset"]) {
      this.answers[kind] = () => ({});
    }
    this.answers["code.get"] = () => ({ meta: { cell: "pg", pytorch: "import torch" } });
  }

  /** Grant every setting: the trait first, then the reply, as Python does. */
  grantSettings(): void {
    this.answers["settings.set"] = ({ meta }: Message) => {
      for (const [name, value] of Object.entries(meta)) this.set(name, value);
      return {};
    };
  }

  frame({ seq = ++this.#seq, epoch = 0, data = 1, hidden = [2] }: FrameOptions = {}): void {
    const sizes = [2, ...hidden, 1];
    const count = sizes.reduce((n, size, i) => n + (i && size * (sizes[i - 1]! + 1)), 0);
    const units = hidden.reduce((n, size) => n + size, 1);
    this.say({
      kind: "frame.show",
      seq,
      meta: {
        epoch,
        data,
        network: 1,
        features: ["x", "y"],
        hidden,
        activation: "tanh",
        output: "tanh",
        epochs_per_second: 0,
      },
      arrays: {
        parameters: f4(...Array.from({ length: count }, (_, i) => (i + 1) / 10)),
        units: grids(units),
        losses: f4(0.5, 0.25),
        chart_epochs: { shape: [1], values: Uint32Array.of(0) },
        train_low: f4(0.5),
        train_high: f4(0.5),
        test_low: f4(0.5),
        test_high: f4(0.5),
      },
    });
  }
}

const points = {
  train_points: f4(1, 2, 3, 4),
  train_targets: f4(-1, 1),
  test_points: f4(0, 0),
  test_targets: f4(1),
};

function grids(count: number): NamedArray {
  return { shape: [count, SIDE, SIDE], values: new Uint8Array(count * SIDE * SIDE) };
}

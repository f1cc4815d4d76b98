/** The view of `dl_lab.UniversalApproximation`. */

import { computed, signal } from "@preact/signals-core";

import { curvePoints } from "../draw/curves.ts";
import { heightColor, heightShare } from "../draw/plane/heights.ts";
import { swatch } from "../draw/legend.ts";
import { inTheme } from "../draw/looks.ts";
import { chart, type ChartScene, type Dragged, legendEntry } from "../explainer/chart.ts";
import { explainer, numbers } from "../explainer/explainer.ts";
import { plane, type PlaneGround } from "../explainer/plane.ts";
import type { Computed, ExplainerView } from "../explainer/view.ts";
import { formatCount, formatRate, formatValue } from "../shared/format.ts";
import { react } from "../shared/lifetime.ts";
import { Throttle } from "../shared/throttle.ts";
import { iconButton, playButton } from "../shared/ui/controls.ts";
import { h, listen, setAttribute, setText } from "../shared/ui/dom.ts";
import en from "../shared/locales/universal_approximation.en.json";
import es from "../shared/locales/universal_approximation.es.json";
import "./universal_approximation.css";

/** What was computed, as `docs/protocol.md` describes it. */
interface Frame {
  readonly stage: "step" | "bump" | "bumps" | "learn";
  readonly dimensions: number;
  /** What 0 and 1 stand for, for each dimension. */
  readonly low: readonly number[];
  readonly high: readonly number[];
  /** The smallest and the largest value of the target. */
  readonly range: readonly [number, number];
  readonly error: number;
  /** Bumps, or towers along each side. */
  readonly side: number;
  readonly neurons: number;
  /** Whether the target is a person's own points. */
  readonly points: boolean;
  readonly steps: number;
  readonly most_steps: number;
  readonly targetX: Float32Array;
  readonly target: Float32Array;
  readonly output: Float32Array;
  readonly parts: Float32Array;
  /** Neurons and error of each network, as many pairs as there are. */
  readonly sizes: Float32Array;
}

type View = ExplainerView<Frame>;

const POINTS = 201;
const SIDE = 31;
/** Pictures of a drawing that are sent a second. */
const APART_MS = 40;
const X = Float64Array.from({ length: POINTS }, (_, i) => i / (POINTS - 1));

function read(computed: Computed): Frame {
  const [target, output, parts] = ["target", "output", "parts"].map((name) =>
    numbers(computed, name),
  ) as [Float32Array, Float32Array, Float32Array];
  const sizes = "sizes" in computed.arrays ? numbers(computed, "sizes") : new Float32Array();
  return {
    ...(computed.meta as unknown as Frame),
    targetX: numbers(computed, "target_x"),
    target,
    output,
    parts,
    sizes,
  };
}

function draw(view: View): HTMLElement[] {
  const { frame, lifetime, root } = view;
  const drawing = signal(false);
  const flat = h("div", { class: "dl-flat" }, curve(view, drawing));
  const surface = h("div", { class: "dl-surface" }, surfaces(view));
  react(lifetime, () => {
    if (frame.value === null) return;
    setAttribute(root, "data-stage", frame.value.stage);
    setAttribute(root, "data-error", frame.value.error.toPrecision(6));
    flat.hidden = frame.value.dimensions > 1;
    surface.hidden = frame.value.dimensions === 1;
  });
  return [
    h(
      "div",
      { class: "dl-approximation" },
      h("div", { class: "dl-target" }, flat, surface),
      h(
        "div",
        { class: "dl-beside" },
        tools(view, drawing),
        learning(view),
        errors(view),
        hint(view),
      ),
    ),
  ];
}

function looks({ theme }: View) {
  const { dark } = theme.value;
  const look = (
    color: number,
    dash: readonly number[],
    width: number,
    marker: string | null = null,
  ) => inTheme({ color, dash, width, marker }, dark);
  return {
    target: look(1, [6, 4], 2),
    points: look(1, [], 0, "circle"),
    output: look(0, [], 2.5),
    parts: look(2, [], 1),
    errors: look(0, [], 1.5, "circle"),
  };
}

/** Target and output over one input; what one drags is the neuron, the bumps or the target. */
function curve(view: View, drawing: { readonly value: boolean }): HTMLElement {
  const { t, frame, lifetime, rpc, complain } = view;
  const draft = signal<Float32Array | null>(null);
  const throttle = new Throttle(lifetime, APART_MS);
  let held = false;
  let last: readonly [number, number] | null = null;
  react(lifetime, () => {
    // What was drawn has come back.
    if (frame.value !== null && !held) draft.value = null;
  });
  const send = () => {
    const values = draft.peek();
    if (values === null) return;
    const arrays = { values: { shape: [POINTS], values } };
    throttle.run(() => void rpc.request("target.draw", {}, { arrays }).catch(complain));
  };
  const paint = (at: number, y: number) => {
    const values = draft.peek()?.slice() ?? onGrid(frame.peek()!);
    const [from, height] = last ?? [at, y];
    const steps = Math.max(1, Math.abs(at - from));
    for (let i = 0; i <= steps; i++) {
      const place = Math.round(from + ((at - from) * i) / steps);
      values[place] = height + ((y - height) * i) / steps;
    }
    last = [at, y];
    draft.value = values;
    send();
  };
  const build = builder(view);
  const drag = ({ x, y, phase }: Dragged) => {
    const now = frame.peek();
    if (now === null || now.dimensions > 1) return;
    const share = Math.max(0, Math.min(1, (x - now.low[0]!) / (now.high[0]! - now.low[0]!)));
    const [low, high] = shownRange(now);
    const height = Math.max(low, Math.min(high, y));
    held = phase !== "end";
    if (drawing.value) {
      if (phase === "begin") last = null;
      paint(Math.round(share * (POINTS - 1)), height);
    } else build.drag(share, height, phase);
  };
  const lift = (at: number, by: number) => {
    const now = frame.peek();
    if (now === null) return;
    const share = now.points ? (now.targetX[at] ?? 0) : at / (POINTS - 1);
    const [low, high] = shownRange(now);
    const span = (high - low) / 40;
    if (!drawing.value) build.lift(share, by, span);
    else {
      const values = draft.peek()?.slice() ?? onGrid(now);
      const middle = Math.round(share * (POINTS - 1));
      for (let i = Math.max(0, middle - 8); i <= Math.min(POINTS - 1, middle + 8); i++) {
        values[i] = values[i]! + by * span * (1 - Math.abs(i - middle) / 9);
      }
      draft.value = values;
      send();
    }
  };
  const { element } = chart(view, {
    label: t("plot"),
    keys: t("keys"),
    legend: () => {
      const look = looks(view);
      const several = (frame.value?.parts.length ?? 0) > 0;
      return [
        legendEntry(t("target"), swatch(frame.value?.points === true ? look.points : look.target)),
        legendEntry(t("output"), swatch(look.output)),
        ...(several ? [legendEntry(t("parts"), swatch(look.parts))] : []),
      ];
    },
    scene: () =>
      frame.value === null || frame.value.dimensions > 1 ? null : scene(view, draft.value),
    readings: (at) => {
      const now = frame.value;
      if (now === null || at === null || now.dimensions > 1) {
        return [t("target"), t("output")].map((name) => [name, null]);
      }
      const of = (values: Float32Array) => formatValue(values[at] ?? NaN);
      return [
        [t("target"), now.points ? null : of(draft.value ?? now.target)],
        [t("output"), of(now.output)],
      ];
    },
    start: () => (POINTS - 1) / 2,
    drag,
    lift,
  });
  return element;
}

function scene(view: View, draft: Float32Array | null): ChartScene {
  const now = view.frame.value!;
  const look = looks(view);
  const [low, high] = [now.low[0]!, now.high[0]!];
  const x = X.map((share) => low + share * (high - low));
  const own = Float64Array.from(now.targetX, (share) => low + share * (high - low));
  const parts = Array.from({ length: now.parts.length / POINTS }, (_, i) =>
    now.parts.subarray(i * POINTS, (i + 1) * POINTS),
  );
  const [from, to] = shownRange(now);
  const target = now.points
    ? { points: curvePoints(own, now.target), look: look.points, axis: "y" }
    : { points: curvePoints(x, draft ?? now.target), look: look.target, axis: "y" };
  const marks = now.stage === "step" ? stepMark(view, low, high) : [];
  return {
    x: { label: "x", low, high },
    y: [{ key: "y", label: "y", range: { low: from, high: to } }],
    curves: [
      { points: curvePoints(x, now.output), look: look.output, axis: "y" },
      ...parts.map((part) => ({ points: curvePoints(x, part), look: look.parts, axis: "y" })),
      target,
    ],
    marks,
  };
}

/** Where the neuron's step is. */
function stepMark({ t, setting, theme }: View, low: number, high: number) {
  const weight = setting<number>("weight").shown.value;
  const bias = setting<number>("bias").shown.value;
  if (weight === 0) return [];
  const x = low - (bias / weight) * (high - low);
  return [
    {
      name: "step",
      x,
      color: theme.value.text,
      dashed: true,
      label: t("step_at", { x: formatRate(x) }),
    },
  ];
}

/** All of the target, with room for what one builds. */
function shownRange({ range: [low, high], stage }: Frame): readonly [number, number] {
  const own = stage === "step" || stage === "bump";
  const [from, to] = own ? [Math.min(0, low), Math.max(1, high)] : [low, high];
  const room = 0.2 * (to - from);
  return [from - room, to + room];
}

/** The target at the places of the grid; of points, a line through them. */
function onGrid({ points, targetX, target, dimensions, range }: Frame): Float32Array {
  if (dimensions > 1) return new Float32Array(POINTS).fill((range[0] + range[1]) / 2);
  if (!points) return target.slice();
  return Float32Array.from(X, (share) => {
    let right = targetX.findIndex((x) => x >= share);
    if (right < 0) right = targetX.length - 1;
    const left = Math.max(0, right - 1);
    const span = targetX[right]! - targetX[left]!;
    const part = span > 0 ? Math.min(1, Math.max(0, (share - targetX[left]!) / span)) : 1;
    return target[left]! + part * (target[right]! - target[left]!);
  });
}

/** What dragging and lifting change in each stage. */
function builder({ frame, setting, command }: View) {
  const weight = setting<number>("weight");
  const bias = setting<number>("bias");
  const bump = { left: setting<number>("left"), right: setting<number>("right") };
  const height = setting<number>("height");
  let holding: "left" | "right" | "height" = "height";
  const round = (value: number) => Number(value.toFixed(3));
  const within = (value: number, most: number) => Math.max(-most, Math.min(most, value));
  const raise = (share: number, value: number) => {
    const { side } = frame.peek()!;
    command("height.set", { at: Math.min(side - 1, Math.floor(share * side)), value });
  };
  return {
    drag(share: number, y: number, phase: Dragged["phase"]): void {
      switch (frame.peek()!.stage) {
        case "step":
          bias.set(round(within(-weight.shown.peek() * share, 200)));
          return;
        case "bump": {
          const [left, right] = [bump.left.shown.peek(), bump.right.shown.peek()];
          if (phase === "begin") {
            const near = (edge: number) => Math.abs(share - edge);
            const edge = near(left) < near(right) ? "left" : "right";
            holding = near(edge === "left" ? left : right) < 0.06 ? edge : "height";
          }
          if (holding === "height") height.set(round(within(y, 10)));
          else bump[holding].set(round(share));
          return;
        }
        case "bumps":
          raise(share, y);
          return;
        default:
      }
    },
    lift(share: number, by: number, span: number): void {
      const { stage, side, output } = frame.peek()!;
      if (stage === "step") weight.set(within(weight.shown.peek() + by, 200));
      else if (stage === "bump") height.set(round(within(height.shown.peek() + by * span, 10)));
      else if (stage === "bumps") {
        const middle = (Math.min(side - 1, Math.floor(share * side)) + 0.5) / side;
        raise(share, output[Math.round(middle * (POINTS - 1))]! + by * span);
      }
    },
  };
}

/** Target and output over two inputs; a click raises the tower there to the target. */
function surfaces(view: View): HTMLElement {
  const { t, frame, theme, command } = view;
  const levels = computed(() => {
    const [low, high] = frame.value?.range ?? [0, 1];
    return Array.from({ length: 9 }, (_, i) => low + (i * (high - low)) / 8);
  });
  const ground = (values: Float32Array | null): PlaneGround | null => {
    const now = frame.value;
    if (now === null || now.dimensions === 1) return null;
    return {
      x: { label: "x", low: now.low[0]!, high: now.high[0]! },
      y: { label: "y", low: now.low[1]!, high: now.high[1]! },
      grid: values === null ? null : { values, rows: SIDE, columns: SIDE },
      color: heightColor(levels.value, theme.value.dark),
      levels: levels.value.slice(1, -1),
    };
  };
  const place = (now: Frame, [x, y]: readonly [number, number]) => {
    const shares = [x, y].map((at, i) => (at - now.low[i]!) / (now.high[i]! - now.low[i]!));
    const cell = (count: number) =>
      shares.map((share) => Math.max(0, Math.min(count - 1, Math.floor(share * count))));
    return { cell: cell(now.side), pixel: cell(SIDE) };
  };
  const spoken = (values: Float32Array, at: readonly [number, number]) => {
    const { pixel } = place(frame.peek()!, at);
    return `${at.map(formatValue).join(", ")}: ${formatValue(values[pixel[1]! * SIDE + pixel[0]!] ?? NaN)}`;
  };
  const choose = (at: readonly [number, number]) => {
    const now = frame.peek();
    if (now?.stage !== "bumps" || now.points) return;
    const { cell, pixel } = place(now, at);
    const value = now.target[pixel[1]! * SIDE + pixel[0]!]!;
    command("height.set", { at: cell[0]! * now.side + cell[1]!, value });
  };
  const common = { keys: t("plane_keys"), choose };
  const target = plane(view, {
    ...common,
    label: t("target"),
    ground: () => ground(frame.value?.points === true ? null : (frame.value?.target ?? null)),
    over: () => ({ signs: signs(view, levels.value) }),
    describe: (at) => spoken(frame.peek()!.target, at),
  });
  const output = plane(view, {
    ...common,
    label: t("output"),
    ground: () => ground(frame.value?.output ?? null),
    over: () => ({ signs: signs(view, levels.value) }),
    describe: (at) => spoken(frame.peek()!.output, at),
  });
  return h(
    "div",
    { class: "dl-planes" },
    ...[[t("target"), target.element] as const, [t("output"), output.element] as const].map(
      ([name, element]) => h("section", {}, h("h4", {}, name), element),
    ),
  );
}

/** A person's own points on a surface: dark where the target is high. */
function signs({ frame, theme }: View, levels: readonly number[]) {
  const now = frame.value;
  if (now === null || !now.points || now.dimensions === 1) return [];
  const { dark } = theme.value;
  return Array.from(now.target, (value, i) => ({
    x: now.low[0]! + now.targetX[2 * i]! * (now.high[0]! - now.low[0]!),
    y: now.low[1]! + now.targetX[2 * i + 1]! * (now.high[1]! - now.low[1]!),
    marker: "circle" as const,
    color: `color-mix(in srgb, ${dark ? "#fff" : "#0b3a58"} ${Math.round(100 * heightShare(levels, value))}%, ${dark ? "#14303f" : "#fff"})`,
  }));
}

/** The buttons that go with a stage. */
function tools(view: View, drawing: { value: boolean; peek(): boolean }): HTMLElement {
  const { t, frame, lifetime, tips, command } = view;
  const button = (name: string, act: () => void) => {
    const made = h("button", { type: "button", class: "dl-button", "data-tool": name }, t(name));
    listen(made, "click", lifetime, act);
    tips.describe(made, t(name), t(`tip_${name}`));
    return made;
  };
  const pencil = button("draw", () => (drawing.value = !drawing.peek()));
  react(lifetime, () => {
    setAttribute(pencil, "aria-pressed", String(drawing.value));
    pencil.hidden = frame.value === null || frame.value.dimensions > 1;
  });
  const fit = button("fit", () => command("heights.fit"));
  react(lifetime, () => {
    fit.hidden = frame.value?.stage !== "bumps";
  });
  const reset = iconButton(view, "reset", t("reset"), t("tip_reset"), () => command("train.reset"));
  react(lifetime, () => {
    reset.hidden = frame.value?.stage !== "bumps" && frame.value?.stage !== "learn";
  });
  return h("div", { class: "dl-tools" }, pencil, fit, reset);
}

/** Plays the training of the same network, and says how far it is. */
function learning(view: View): HTMLElement {
  const { t, frame, lifetime, setting } = view;
  const running = setting<boolean>("running", "train.run");
  const play = playButton(
    view,
    { play: t("train"), pause: t("pause"), name: t("train"), tip: t("tip_train") },
    () => running.shown.value,
    () => frame.value?.steps === 0,
    () => running.set(!running.shown.peek()),
  );
  const steps = h("span", { class: "dl-label" });
  const element = h("div", { class: "dl-learning" }, play, steps);
  react(lifetime, () => {
    element.hidden = frame.value?.stage !== "learn";
    const separator = t("view.group_separator");
    setText(steps, t("steps", { count: formatCount(frame.value?.steps ?? 0, separator) }));
  });
  return element;
}

/** The error of networks of several sizes that are trained at once. */
function errors(view: View): HTMLElement {
  const { t, frame, lifetime, theme, setting } = view;
  const pairs = computed(() => {
    const sizes = frame.value?.sizes ?? new Float32Array();
    const column = (of: number) =>
      Float64Array.from({ length: sizes.length / 2 }, (_, i) => sizes[2 * i + of]!);
    return { x: column(0), y: column(1) };
  });
  const { element } = chart(view, {
    label: t("error_plot"),
    scene: () => {
      const { x, y } = pairs.value;
      if (x.length === 0) return null;
      return {
        x: { label: t("axis_neurons"), low: 0.9, high: 70, log: true },
        y: [{ key: "e", label: t("axis_error"), log: true }],
        curves: [{ points: curvePoints(x, y), look: looks(view).errors, axis: "e" }],
        marks: [
          {
            name: "neurons",
            x: setting<number>("neurons").shown.value,
            color: theme.value.text,
            dashed: true,
            label: "",
          },
        ],
      };
    },
    readings: (at) => [
      [t("neurons"), at === null ? null : String(pairs.value.x[at])],
      [t("error"), at === null ? null : formatValue(pairs.value.y[at] ?? NaN)],
    ],
    choose: (at) => setting<number>("neurons").set(pairs.peek().x[at]!),
    keys: t("error_keys"),
  });
  const section = h("div", { class: "dl-errors" }, element);
  react(lifetime, () => {
    section.hidden = frame.value?.stage !== "learn";
  });
  return section;
}

/** What to do in this stage. */
function hint({ t, frame, lifetime }: View): HTMLElement {
  const text = h("p", { class: "dl-label dl-hint" });
  react(lifetime, () => {
    if (frame.value === null) return;
    const { stage, dimensions } = frame.value;
    setText(text, t(dimensions > 1 ? `hint_${stage}_2` : `hint_${stage}`));
  });
  return text;
}

function status({ t, frame }: View): string {
  if (frame.value === null) return "";
  const { error, neurons } = frame.value;
  return t("status", { error: formatValue(error), neurons });
}

export default explainer<Frame>({
  name: "universal_approximation",
  words: { en, es },
  read,
  draw,
  status,
  help: ["about", ["read_step", "read_bump", "read_bumps", "read_learn", "read_draw"], "theorem"],
});

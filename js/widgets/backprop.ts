/** The view of `dl_lab.Backprop`. */

import { computed, signal } from "@preact/signals-core";

import {
  type Known,
  knownAt,
  layOut,
  numberAt,
  type OperationLayout,
  stepsOf,
} from "../draw/operations/layout.ts";
import { type NumberedOperation, OperationGraph } from "../draw/operations/graph.ts";
import { beginDrawing } from "../draw/screen_canvas.ts";
import { explainer, numbers } from "../explainer/explainer.ts";
import { formula } from "../explainer/formula.ts";
import { player, type PlayerPart } from "../explainer/player.ts";
import type { Computed, ExplainerView } from "../explainer/view.ts";
import { formatCount, formatRate, formatValue } from "../shared/format.ts";
import { react } from "../shared/lifetime.ts";
import { iconButton } from "../shared/ui/controls.ts";
import { h, listen, setAttribute, setText } from "../shared/ui/dom.ts";
import { numberField } from "../shared/ui/number_field.ts";
import { followSize } from "../shared/ui/size.ts";
import en from "../shared/locales/backprop.en.json";
import es from "../shared/locales/backprop.es.json";
import "./backprop.css";

interface NodeMeta {
  readonly name: string;
  readonly kind: string;
  readonly operation: string;
  readonly constants: string;
  readonly shape: readonly number[];
  readonly rows: number;
  readonly columns: number;
  readonly trainable: boolean;
  readonly edited: boolean;
  readonly gradient: boolean;
  readonly inputs: readonly (readonly [from: number, gradient: boolean])[];
}

type Shown = Omit<NodeMeta, "inputs"> & NumberedOperation;

interface Chain {
  readonly place: number;
  readonly at: number;
  /** Null for what gets none. */
  readonly gradient: number | null;
  readonly value?: number | null;
  readonly terms?: readonly (readonly [number, number, number | null, number | null])[];
  readonly more?: number;
  readonly quotient?: number | null;
  readonly relative?: number | null;
}

/** What was computed, as `docs/protocol.md` describes it. */
interface Frame {
  readonly nodes: readonly Shown[];
  readonly output: number;
  readonly iteration: number;
  readonly iterations: number;
  readonly error: number | null;
  readonly chosen: Chain | null;
  readonly updates: readonly (readonly [name: string, at: number])[];
  /** Old number, gradient and new number, for each of `updates`. */
  readonly moves: Float32Array;
  /** Whether they are of the last step; else of the next. */
  readonly stepped: boolean;
}

type View = ExplainerView<Frame>;

const SPEEDS = [0.5, 2, 4] as const;
/** The graph is drawn no smaller than this: beyond, it scrolls. */
const SMALLEST = 0.62;
const ROOM = { width: 800, height: 250 };
const SIGNS: Readonly<Record<string, string>> = {
  add: "+",
  radd: "+",
  sub: "−",
  rsub: "−",
  mul: "×",
  rmul: "×",
  div: "÷",
  truediv: "÷",
  rdiv: "÷",
  rtruediv: "÷",
  matmul: "@",
  sum: "Σ",
  sigmoid: "σ",
  neg: "−",
  cross_entropy: "CE",
  binary_cross_entropy: "BCE",
  mse_loss: "MSE",
  batch_norm: "norm",
  sqrt: "√",
};

/** Of these the plain numbers are told, too. */
const ARITHMETIC = new Set("add radd sub rsub mul rmul div truediv rdiv rtruediv".split(" "));

function read(message: Computed): Frame {
  const meta = message.meta as unknown as Omit<Frame, "nodes"> & {
    readonly nodes: readonly NodeMeta[];
  };
  const take = (name: string) => {
    const all = numbers(message, name);
    let from = 0;
    return (count: number) => all.subarray(from, (from += count));
  };
  const [values, gradients, ways] = [take("values"), take("gradients"), take("ways")];
  const counts = meta.nodes.map(({ rows, columns }) => rows * columns);
  const nodes = meta.nodes.map((node, i) => ({
    ...node,
    title: node.name,
    sign: signOf(node),
    values: values(counts[i]!),
    gradients: node.gradient ? gradients(counts[i]!) : null,
    inputs: node.inputs.map(([from, gradient]) => ({
      from,
      gradients: gradient ? ways(counts[from]!) : null,
    })),
  }));
  return { ...meta, nodes, moves: numbers(message, "updates") };
}

function signOf({ operation, constants }: NodeMeta): string {
  if (operation === "pow") return `x^${constants}`;
  if (operation === "getitem") return `[${constants}]`;
  const sign = SIGNS[operation] ?? operation;
  if (constants === "" || !ARITHMETIC.has(operation)) return sign;
  return operation.startsWith("r") ? `${constants} ${sign}` : `${sign} ${constants}`;
}

function draw(view: View): HTMLElement[] {
  const { frame, lifetime, command } = view;
  const shown = signal("");
  const steps = player(view, {
    end: () => (frame.value === null ? 0 : stepsOf(frame.value.nodes)),
    speeds: SPEEDS,
    speed: 2,
  });
  // All numbers at first, for each function.
  react(lifetime, () => {
    if (frame.value === null) return;
    const now = frame.value.nodes.map(({ name }) => name).join();
    if (now === shown.peek()) return;
    shown.value = now;
    steps.seek(stepsOf(frame.value.nodes));
  });
  // What is done at a step is what is looked at.
  let at = -1;
  react(lifetime, () => {
    if (frame.value === null || steps.at.value === at) return;
    const { nodes, output } = frame.value;
    const first = at < 0;
    at = steps.at.value;
    const { current } = knownAt(nodes, output, at);
    if (!first && current !== null && at < stepsOf(nodes)) {
      command("number.choose", { node: nodes[current]!.name, at: 0 });
    }
  });
  return [
    graph(view, steps),
    steps.element,
    h(
      "div",
      { class: "dl-below" },
      chainCard(view, steps),
      h("div", {}, edit(view), training(view)),
    ),
  ];
}

/** The picture, with a button over each node. */
function graph(view: View, steps: PlayerPart): HTMLElement {
  const { t, frame, lifetime, theme, command, root } = view;
  const canvas = h("canvas", { "aria-hidden": "true" });
  const inner = h("div", { class: "dl-operations" }, canvas);
  const outer = h("div", { class: "dl-operations-frame" }, inner);
  const room = followSize(outer, ROOM, lifetime);
  const drawing = new OperationGraph();
  const buttons: HTMLButtonElement[] = [];
  let layout: OperationLayout | null = null;
  let kind = "";
  let scale = 1;
  react(lifetime, () => {
    if (frame.value === null) return;
    const { nodes, output, chosen } = frame.value;
    const now = nodes.map(({ rows, columns, inputs }) => [
      rows,
      columns,
      inputs.map(({ from }) => from),
    ]);
    if (layout === null || JSON.stringify(now) !== kind) {
      kind = JSON.stringify(now);
      layout = layOut(nodes);
    }
    const fits = Math.min(1, (room.value.width - 2) / layout.width, ROOM.height / layout.height);
    scale = Math.max(SMALLEST, fits);
    const [width, height] = [layout.width * scale, layout.height * scale];
    inner.style.width = `${width}px`;
    inner.style.height = `${height}px`;
    const known = knownAt(nodes, output, steps.at.value);
    // At the end no operation is under way.
    const done = steps.at.value === stepsOf(nodes);
    const context = beginDrawing(canvas, width, height);
    context.save();
    context.scale(scale, scale);
    const { text, muted, line, background, dark } = theme.value;
    const looked = chosen === null ? null : { node: chosen.place, at: chosen.at };
    drawing.draw(context, layout, nodes, done ? { ...known, current: null } : known, looked, {
      font: getComputedStyle(root).fontFamily || "sans-serif",
      text,
      muted: muted || text,
      line,
      background,
      accent: dark ? "#62b6f0" : "#0877bd",
      number: short,
    });
    context.restore();
    while (buttons.length < nodes.length) buttons.push(nodeButton());
    buttons.forEach((button, place) => {
      const node = nodes[place];
      button.hidden = node === undefined;
      if (node === undefined) return;
      const box = layout!.nodes[place]!;
      button.style.cssText = `left:${box.x * scale}px;top:${box.y * scale}px;width:${box.width * scale}px;height:${box.height * scale}px`;
      button.dataset["node"] = node.name;
      setAttribute(button, "aria-pressed", String(chosen?.place === place));
      setAttribute(button, "aria-label", spoken(view, node, known, place, chosen));
    });
  });
  const choose = (node: number, at: number) => {
    const name = frame.peek()?.nodes[node]?.name;
    if (name !== undefined) command("number.choose", { node: name, at });
  };
  function nodeButton(): HTMLButtonElement {
    const place = buttons.length;
    const button = h("button", { type: "button", class: "dl-operation" });
    listen(button, "click", lifetime, (event) => {
      const { nodes } = frame.peek()!;
      const { left, top } = inner.getBoundingClientRect();
      const [x, y] = [(event.clientX - left) / scale, (event.clientY - top) / scale];
      // A key clicks too, at no place.
      const found = event.detail === 0 ? null : numberAt(layout!, nodes, x, y);
      choose(place, found?.node === place ? found.at : 0);
    });
    listen(button, "keydown", lifetime, (event) => {
      const { nodes, chosen } = frame.peek()!;
      const { columns, rows } = nodes[place]!;
      const by: Readonly<Record<string, number>> = {
        ArrowRight: 1,
        ArrowLeft: -1,
        ArrowDown: columns,
        ArrowUp: -columns,
      };
      const step = by[event.key];
      if (step === undefined) return;
      const from = chosen?.place === place ? chosen.at : -step;
      choose(place, Math.max(0, Math.min(rows * columns - 1, from + step)));
      event.preventDefault();
      event.stopPropagation();
    });
    inner.append(button);
    return button;
  }
  setAttribute(outer, "role", "group");
  setAttribute(outer, "aria-label", t("graph"));
  return outer;
}

function spoken(
  { t }: View,
  node: Shown,
  known: Known,
  place: number,
  chosen: Chain | null,
): string {
  const at = chosen?.place === place ? chosen.at : 0;
  const value = known.values[place] === true ? formatValue(node.values[at]!) : "–";
  const gradients = known.gradients[place] === true ? node.gradients : null;
  const gradient = gradients === null ? "–" : formatValue(gradients[at]!);
  return t("spoken", { name: named(node, at), sign: node.sign, value, gradient });
}

/** The chain rule at the number that is looked at, and the difference quotient beside it. */
function chainCard(view: View, steps: PlayerPart): HTMLElement {
  const { t, frame, lifetime } = view;
  const title = h("h4");
  const check = h("p", { class: "dl-check-line", role: "status" });
  const written = computed((): Written => {
    const now = frame.value;
    if (now?.chosen == null) return { lines: [], values: {} };
    const { nodes, output, chosen } = now;
    const known = knownAt(nodes, output, steps.at.value);
    if (known.gradients[chosen.place] === true) return chainLines(now);
    return { lines: forwardLines(now, known), values: {} };
  });
  const lines = formula(view, {
    label: t("chain"),
    source: () => written.value.lines,
    values: () => written.value.values,
  });
  react(lifetime, () => {
    const now = frame.value;
    const chosen = now?.chosen ?? null;
    if (now === null || chosen === null) return;
    const node = now.nodes[chosen.place]!;
    const name = named(node, chosen.at);
    const known = knownAt(now.nodes, now.output, steps.at.value);
    const backward = known.gradients[chosen.place] === true;
    setText(title, t(backward ? "title_backward" : "title_forward", { name }));
    const { gradient, quotient, relative } = chosen;
    if (!backward) setText(check, "");
    else if (gradient === null) setText(check, t("no_gradient"));
    else if (quotient == null) setText(check, "");
    else {
      const share = relative == null ? "–" : relative === 0 ? "0" : formatRate(relative);
      setText(check, t("check", { quotient: formatValue(quotient), share, name }));
    }
    setAttribute(check, "data-relative", relative ?? null);
  });
  return h("section", { class: "dl-chain" }, title, lines, check);
}

/** A formula's lines, and the numbers that stand in them. */
interface Written {
  readonly lines: readonly string[];
  readonly values: Readonly<Record<string, number>>;
}

function forwardLines({ nodes, chosen }: Frame, known: Known): string[] {
  const node = nodes[chosen!.place]!;
  const { inputs, values } = node;
  if (known.values[chosen!.place] !== true) return [];
  const own = `${tex(node, chosen!.at)} = `;
  const value = plain(values[chosen!.at]!);
  if (inputs.length === 0) return [`${own}${value}`];
  const from = inputs.map((edge) => nodes[edge.from]!);
  const lone = from.every((one) => one.values.length === 1);
  const call = (parts: readonly string[]) =>
    `\\operatorname{${node.operation.replaceAll("_", " ")}}(${parts.join(", ")})`;
  const names = call(from.map((one) => tex(one, null)));
  const given = lone ? ` = ${call(from.map((one) => plain(one.values[0]!)))}` : "";
  return [`${own}${names}${given} = ${value}`];
}

/** What is multiplied and added, in names and in numbers. */
function chainLines({ nodes, output, chosen }: Frame): Written {
  const { place, at, terms = [], more = 0, gradient } = chosen!;
  const last = tex(nodes[output]!, null);
  const of = (one: string) => `\\frac{\\partial ${last}}{\\partial ${one}}`;
  const own = tex(nodes[place]!, at);
  if (gradient === null) return { lines: [], values: {} };
  const values: Record<string, number> = { g: gradient };
  if (place === output) return { lines: [`${of(own)} = \\val{g}`], values };
  const products = terms.map(([consumer, index]) => {
    const next = tex(nodes[consumer]!, index);
    return consumer === output
      ? `\\frac{\\partial ${next}}{\\partial ${own}}`
      : `${of(next)} \\cdot \\frac{\\partial ${next}}{\\partial ${own}}`;
  });
  const numbered = terms.map(([consumer, , upstream, local], i) => {
    values[`u${i}`] = upstream ?? NaN;
    values[`l${i}`] = local ?? NaN;
    const fenced = (key: string, value: number | null) =>
      (value ?? 0) < 0 ? `(\\val{${key}})` : `\\val{${key}}`;
    const first = i === 0 ? `\\val{u${i}}` : fenced(`u${i}`, upstream);
    const second = fenced(`l${i}`, local);
    return consumer === output ? `\\val{l${i}}` : `${first} \\cdot ${second}`;
  });
  const dots = more > 0 ? " + \\dots" : "";
  if (products.length === 0) return { lines: [`${of(own)} = \\val{g}`], values };
  const few = `${products.slice(0, 3).join(" + ")}${products.length > 3 ? " + \\dots" : dots}`;
  const lines = [`${of(own)} = ${few}`, `= ${numbered.join(" + ")}${dots} = \\val{g}`];
  return { lines, values };
}

/** A field for the number that is looked at. */
function edit(view: View): HTMLElement {
  const { t, frame, lifetime, command, tips } = view;
  const chosen = () => {
    const at = frame.value?.chosen ?? null;
    return at === null ? null : { at, node: frame.value!.nodes[at.place]! };
  };
  const field = numberField(view, lifetime, t("value"), `${view.view}-value`, (value) => {
    const { node, at } = chosen()!;
    command("number.edit", { node: node.name, at: at.at, value });
  });
  field.input.dataset["edit"] = "";
  const label = field.element.querySelector("label")!;
  react(lifetime, () => {
    const now = chosen();
    setText(label, now === null ? t("value") : t("value_of", { name: named(now.node, now.at.at) }));
    const value = now?.node.values[now.at.at];
    field.show(value === undefined ? "" : String(Number(value.toPrecision(6))));
  });
  tips.describe(field.input, t("value"), t("tip_value"));
  const reset = iconButton(view, "reset", t("reset"), t("tip_reset"), () =>
    command("values.reset"),
  );
  return h("div", { class: "dl-edit" }, field.element, reset);
}

/** One step, many steps, and what a step changes. */
function training(view: View): HTMLElement {
  const { t, frame, lifetime, tips, command, setting } = view;
  const running = setting<boolean>("running", "train.run");
  const step = h("button", { type: "button", class: "dl-button", "data-step": true }, t("step"));
  listen(step, "click", lifetime, () => command("train.step", { steps: 1 }));
  tips.describe(step, t("step"), t("tip_step"));
  const run = h("button", { type: "button", class: "dl-button", "data-run": true });
  listen(run, "click", lifetime, () => running.set(!running.shown.peek()));
  tips.describe(run, t("train"), t("tip_train"));
  react(lifetime, () => setText(run, t(running.shown.value ? "pause" : "train")));
  const title = h("h4");
  const list = h("ul", { class: "dl-updates", tabindex: 0, "aria-label": t("updates") });
  react(lifetime, () => {
    if (frame.value === null) return;
    const { updates, moves, stepped, nodes } = frame.value;
    const rate = formatRate(setting<number>("learning_rate").shown.value);
    setText(title, t(stepped ? "last_step" : "next_step"));
    while (list.childElementCount > updates.length) list.lastElementChild!.remove();
    updates.forEach(([name, at], i) => {
      const [old, slope, fresh] = moves.subarray(3 * i, 3 * i + 3);
      const node = nodes.find((one) => one.name === name)!;
      const row = list.children[i] ?? list.appendChild(h("li"));
      setText(
        row,
        `${named(node, at)}: ${formatValue(old!)} − ${rate} · ${signed(slope!)} = ${formatValue(fresh!)}`,
      );
    });
  });
  return h(
    "section",
    { class: "dl-training" },
    h("div", { class: "dl-train" }, title, step, run),
    list,
  );
}

function signed(value: number): string {
  return value < 0 ? `(${formatValue(value)})` : formatValue(value);
}

/** A number of a node: by its row and column, where it has several. */
function named({ name, shape, columns, values }: Shown, at: number): string {
  if (values.length === 1) return name;
  const row = Math.floor(at / columns);
  return shape.length === 1 ? `${name}[${at}]` : `${name}[${row},${at % columns}]`;
}

function tex(node: Shown, at: number | null): string {
  const [, letter, digits] = /^([A-Za-z])(\d+)$/.exec(node.name) ?? [];
  const name =
    letter !== undefined
      ? `${letter}_{${digits}}`
      : node.name.length === 1
        ? node.name
        : `\\text{${node.name.replaceAll(/[{}]/g, "")}}`;
  if (at === null || node.values.length === 1) return name;
  const index = named(node, at).slice(node.name.length);
  return `${name}\\text{${index}}`;
}

function plain(value: number): string {
  return `\\text{${formatValue(value)}}`;
}

/** Three digits, for a small box. */
function short(value: number): string {
  if (!Number.isFinite(value)) return formatValue(value);
  const size = Math.abs(value);
  const text =
    size !== 0 && (size < 0.0005 || size >= 10_000)
      ? value.toExponential(0).replace("e+", "e").replace("e-", "e−")
      : size >= 100
        ? value.toFixed(0)
        : String(Number(value.toFixed(size >= 10 ? 1 : size >= 1 ? 2 : 3)));
  return text.replace(/^-/, "−");
}

function status({ t, frame }: View): string {
  if (frame.value === null) return "";
  const { nodes, output, iteration, iterations, error } = frame.value;
  const separator = t("view.group_separator");
  const loss = formatValue(nodes[output]!.values[0]!);
  const name = nodes[output]!.name;
  const done = t("status", {
    name,
    loss,
    iteration: formatCount(iteration, separator),
    iterations: formatCount(iterations, separator),
  });
  return error === null ? done : `${done} · ${t("status_error", { error: formatValue(error) })}`;
}

export default explainer<Frame>({
  name: "backprop",
  words: { en, es },
  read,
  draw,
  status,
  help: [
    "about",
    ["read_forward", "read_backward", "read_sum", "read_check", "read_step"],
    "untouched",
  ],
});

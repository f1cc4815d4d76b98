/** The view of `dl_lab.OptimizerRace`. */

import { computed, signal } from "@preact/signals-core";

import { curvePoints, type CurveLook } from "../draw/curves.ts";
import { heightColor } from "../draw/plane/heights.ts";
import { swatch } from "../draw/legend.ts";
import { inTheme, palette } from "../draw/looks.ts";
import type { Arrow, Over } from "../draw/plane/plane.ts";
import { tick } from "../draw/tick_text.ts";
import { chart } from "../explainer/chart.ts";
import { explainer } from "../explainer/explainer.ts";
import { plane } from "../explainer/plane.ts";
import { player, type PlayerPart } from "../explainer/player.ts";
import type { Computed, ExplainerView } from "../explainer/view.ts";
import { formatRate, formatValue } from "../shared/format.ts";
import { SingleFlight } from "../shared/kernel/single_flight.ts";
import { react, within } from "../shared/lifetime.ts";
import { slider } from "../shared/ui/controls.ts";
import { h, listen, setAttribute, setText } from "../shared/ui/dom.ts";
import en from "../shared/locales/optimizer_race.en.json";
import es from "../shared/locales/optimizer_race.es.json";
import { codes, mapColor } from "./optimizer_race/basins.ts";
import "./optimizer_race.css";

type Pair = readonly [number, number];

interface Damping {
  readonly curvature: number;
  readonly phase: string;
  readonly factor: number;
}

interface Lane {
  readonly name: string;
  readonly done: number;
  /** Whether it ended before all steps: for infinity, or for what `problem` says. */
  readonly left: boolean;
  readonly problem: unknown;
}

/** What was computed, as `docs/protocol.md` describes it. */
interface Race {
  readonly surface: string;
  readonly x: Pair;
  readonly y: Pair;
  readonly minima: readonly Pair[];
  readonly levels: readonly number[];
  readonly rows: number;
  readonly steps: number;
  readonly start: Pair;
  readonly all: readonly string[];
  readonly running: readonly string[];
  readonly chosen: string;
  readonly limits: Readonly<Record<string, Pair>>;
  readonly lanes: readonly Lane[];
  readonly ready: number;
  readonly settings?: Readonly<Record<string, number>>;
  readonly vectors?: readonly string[];
  readonly numbers?: readonly string[];
  readonly damping?: readonly Damping[];
  readonly basins?: {
    readonly done?: number;
    readonly ends?: readonly Pair[];
    readonly exact?: boolean;
    readonly starts?: number;
    readonly problem?: unknown;
  } | null;
  readonly arrays: Computed["arrays"];
}

type View = ExplainerView<Race>;

const MARKERS = ["circle", "square", "diamond", "triangle"] as const;
/** Of an arrow that is longest on its way, as a share of the plane's width. */
const ARROW = 0.16;
/** Those that are arrows before anyone has chosen. */
const FIRST = ["descent", "move", "momentum_buffer", "exp_avg"];
const SHARE_STEP = 0.001;

const read = ({ meta, arrays }: Computed): Race => ({ ...(meta as unknown as Race), arrays });
const floats = (race: Race | null, name: string): Float32Array => {
  const values = race?.arrays[name]?.values;
  return values instanceof Float32Array ? values : new Float32Array();
};

function lookOf(race: Race, name: string, dark: boolean): CurveLook {
  const place = race.all.indexOf(name);
  const dash = place >= 10 ? [5, 3] : [];
  return inTheme(
    { color: place, dash, width: name === race.chosen ? 3 : 1.75, marker: MARKERS[place % 4]! },
    dark,
  );
}

/** Where each of those that run has been: x and y apart. */
function trailsOf(race: Race): readonly { x: Float32Array; y: Float32Array }[] {
  const paths = floats(race, "paths");
  const count = race.steps + 1;
  return race.lanes.map((_, lane) => {
    const at = 2 * lane * count;
    return {
      x: Float32Array.from({ length: count }, (_, i) => paths[at + 2 * i]!),
      y: Float32Array.from({ length: count }, (_, i) => paths[at + 2 * i + 1]!),
    };
  });
}

/** Something of the chosen optimizer that has two numbers at each step. */
interface Quantity {
  readonly name: string;
  readonly label: string;
  readonly at: (step: number) => Pair;
  readonly color: string;
  /** The largest size that it has on the way, beside what is shown. */
  readonly largest: number;
}

function quantities(
  { t, has, theme }: View,
  race: Race,
  path: { x: Float32Array; y: Float32Array },
) {
  const gradients = floats(race, "gradients");
  const vectors = floats(race, "vectors");
  const colors = palette(theme.value.dark);
  const gradient = (step: number): Pair => [gradients[2 * step]!, gradients[2 * step + 1]!];
  const move = (step: number): Pair => [
    path.x[step + 1]! - path.x[step]!,
    path.y[step + 1]! - path.y[step]!,
  ];
  const word = (name: string) => (has(`state_${name}`) ? t(`state_${name}`) : name);
  const found: Omit<Quantity, "largest">[] = [
    {
      name: "descent",
      label: t("descent"),
      at: (step) => gradient(step).map((one) => -one) as unknown as Pair,
      color: theme.value.muted,
    },
    { name: "move", label: t("move"), at: move, color: theme.value.text },
    {
      name: "share",
      label: t("share"),
      at: (step) => {
        const [[dx, dy], [gx, gy]] = [move(step), gradient(step)];
        return [Math.abs(dx / gx), Math.abs(dy / gy)];
      },
      color: colors[3]!,
    },
  ];
  (race.vectors ?? []).forEach((name, at) => {
    const begin = 2 * at * race.steps;
    found.push({
      name,
      label: word(name),
      at: (step) => [vectors[begin + 2 * step]!, vectors[begin + 2 * step + 1]!],
      color: colors[(4 + at) % colors.length]!,
    });
  });
  return found.map((one) => {
    let largest = 0;
    for (let step = 0; step < race.steps; step++) {
      const size = sizeOf(one.at(step), race);
      if (size > largest && size < Infinity) largest = size;
    }
    return { ...one, largest };
  });
}

function draw(view: View): HTMLElement[] {
  const { t, frame, lifetime, root, theme } = view;
  const play = player(view, {
    end: () => frame.value?.steps ?? 0,
    ready: () => frame.value?.ready ?? 0,
  });
  const start = view.setting<Pair | null>("start");
  const paths = computed(() => (frame.value === null ? [] : trailsOf(frame.value)));
  const chosen = computed(() => {
    const race = frame.value;
    const lane = race?.lanes.findIndex(({ name }) => name === race.chosen) ?? -1;
    return race === null || lane < 0 ? [] : quantities(view, race, paths.value[lane]!);
  });
  const arrows = signal<ReadonlySet<string>>(new Set(FIRST));
  react(lifetime, () => {
    const race = frame.value;
    setAttribute(root, "data-surface", race?.surface);
    setAttribute(root, "data-ready", race?.ready);
    setAttribute(root, "data-step", play.at.value);
    setAttribute(root, "data-chosen", race?.chosen);
  });
  // A new surface begins at the beginning.
  let shown = "";
  react(lifetime, () => {
    const race = frame.value;
    const now = JSON.stringify([race?.surface, race?.steps]);
    if (now !== shown && shown !== "") play.seek(0);
    shown = now;
  });

  const field = plane(view, {
    label: t("plane"),
    keys: t("keys"),
    ground: () => {
      const race = frame.value;
      const grid = race?.arrays["grid"];
      if (race === null || grid === undefined) return null;
      const [rows, columns] = grid.shape as [number, number];
      return {
        x: {
          label: t(race.surface === "fit" ? "slope" : "axis_x"),
          low: race.x[0],
          high: race.x[1],
        },
        y: {
          label: t(race.surface === "fit" ? "shift" : "axis_y"),
          low: race.y[0],
          high: race.y[1],
        },
        grid: { values: floats(race, "grid"), rows, columns },
        levels: race.levels.slice(1, -1),
        color: heightColor(race.levels, theme.value.dark),
        cells: cellsOf(race, theme.value.dark),
      };
    },
    over: () => over(view, play.at.value, paths.value, chosen.value, arrows.value),
    handles: () => {
      const race = frame.value;
      if (race === null) return [];
      const [x, y] = start.shown.value ?? race.start;
      const spoken = t("start_at", { x: formatValue(x), y: formatValue(y) });
      return [{ name: "start", x, y, label: t("start"), spoken }];
    },
    moved: (_, [x, y]) => {
      const race = frame.peek();
      if (race === null) return;
      play.seek(play.playing.peek() ? 0 : play.at.peek());
      start.set([rounded(x, race.x), rounded(y, race.y)]);
    },
  });
  const picture = h("div", { class: "dl-left" }, field.element, play.element);
  const side = h(
    "div",
    { class: "dl-side" },
    settings(view, play),
    memory(view, play, chosen, arrows),
    losses(view, play).element,
  );
  return [h("div", { class: "dl-race" }, picture, side), lanes(view), remarks(view)];
}

function rounded(value: number, [low, high]: Pair): number {
  const unit = 10 ** Math.floor(Math.log10((high - low) / 1000));
  return Number((Math.round(value / unit) * unit).toPrecision(6));
}

function cellsOf(race: Race, dark: boolean) {
  const labels = race.arrays["labels"];
  const arrivals = race.arrays["arrivals"];
  if (labels === undefined || arrivals === undefined) return null;
  const [rows, columns] = labels.shape as [number, number];
  const values = codes(labels.values, arrivals.values, race.steps);
  return { values, rows, columns, color: mapColor(palette(dark), dark) };
}

/** Trails up to a step; of the chosen one what it remembers, as arrows; where it is lowest. */
function over(
  { frame, theme }: View,
  step: number,
  paths: readonly { x: Float32Array; y: Float32Array }[],
  chosen: readonly Quantity[],
  shown: ReadonlySet<string>,
): Over {
  const race = frame.value;
  if (race === null) return {};
  const { dark, text } = theme.value;
  const order = race.lanes.map((_, at) => at);
  order.sort((a, b) => Number(isChosen(a)) - Number(isChosen(b)));
  const trails = order.map((at) => ({
    ...paths[at]!,
    until: step,
    look: lookOf(race, race.lanes[at]!.name, dark),
  }));
  const minima = race.minima.map(
    ([x, y]) => ({ x, y, marker: "diamond", color: text, size: 3 }) as const,
  );
  const lane = order.find(isChosen);
  const here = lane === undefined ? null : paths[lane]!;
  const arrows =
    here === null
      ? []
      : chosen.flatMap((one) => (shown.has(one.name) ? arrow(one, step, race, here) : []));
  return { trails, arrows, signs: minima };

  function isChosen(at: number): boolean {
    return race!.lanes[at]?.name === race!.chosen;
  }
}

/** How long a vector is beside what is shown of each weight. */
function sizeOf([dx, dy]: Pair, { x, y }: Race): number {
  return Math.hypot(dx / (x[1] - x[0]), dy / (y[1] - y[0]));
}

/** As long as its size is, beside the largest that it has on the way. */
function arrow(
  { at, color, largest }: Quantity,
  step: number,
  race: Race,
  { x, y }: { x: Float32Array; y: Float32Array },
): Arrow[] {
  const [dx, dy] = at(step);
  const here = sizeOf([dx, dy], race);
  if (!(here > 0) || !(largest > 0)) return [];
  // The root keeps what is small in sight.
  const scale = (ARROW * Math.sqrt(here / largest)) / here;
  return [{ x: x[step]!, y: y[step]!, dx: scale * dx, dy: scale * dy, color }];
}

/** Sliders of the chosen optimizer; one that is moved counts from the step that is shown on. */
function settings(view: View, play: PlayerPart): HTMLElement {
  const { t, frame, rpc, complain, lifetime } = view;
  const title = h("h4", { class: "dl-chosen" });
  const element = h("div", { class: "dl-tuning" });
  const wishes = signal<Readonly<Record<string, number>>>({});
  const flight = new SingleFlight<Readonly<Record<string, unknown>>>(async (asked) => {
    try {
      await rpc.request("lane.tune", asked);
    } catch (error) {
      wishes.value = {};
      complain(error);
    }
  });
  react(lifetime, () => setText(title, frame.value?.chosen ?? ""));
  const key = computed(() => {
    const race = frame.value;
    return JSON.stringify([race?.surface, race?.chosen, Object.keys(race?.settings ?? {})]);
  });
  let made = within(lifetime);
  react(lifetime, () => {
    made.abort();
    made = within(lifetime);
    const ui = { ...view, lifetime: made.signal };
    const [, name, names] = JSON.parse(key.value) as [string, string | null, string[]];
    wishes.value = {};
    const controls = names.slice(0, 4).flatMap((setting) => {
      const limits = frame.peek()?.limits[setting];
      if (name === null || limits === undefined) return [];
      const log = setting === "lr";
      const place = (value: number) => (log ? Math.log10(Math.max(value, limits[0])) : value);
      const shown = computed(() =>
        place(wishes.value[setting] ?? frame.value?.settings?.[setting] ?? limits[0]),
      );
      const set = (moved: number) => {
        const value = log ? Number((10 ** moved).toPrecision(2)) : moved;
        wishes.value = { ...wishes.peek(), [setting]: value };
        flight.want({ lane: name, setting, value, at: play.at.peek() });
      };
      const control = {
        name: `tune_${setting}`,
        label: t(setting),
        tip: t(`tip_${setting}`),
        setting: { shown, set },
      };
      const step = log ? 0.05 : setting === "max_iter" ? 1 : SHARE_STEP;
      return [
        slider(ui, control, [place(limits[0]), place(limits[1]), step], (at) =>
          log ? formatRate(10 ** at) : String(Number(at.toPrecision(4))),
        ),
      ];
    });
    element.replaceChildren(...controls);
  });
  return h("div", { class: "dl-chosen-settings" }, title, element);
}

/** What the chosen optimizer remembers at the step that is shown, in numbers; names switch arrows. */
function memory(
  { t, has, frame, lifetime }: View,
  play: PlayerPart,
  chosen: { readonly value: readonly Quantity[] },
  arrows: { value: ReadonlySet<string>; peek: () => ReadonlySet<string> },
): HTMLElement {
  const body = h("tbody");
  const table = h(
    "table",
    { class: "dl-memory", "aria-label": t("memory") },
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        h("th", { scope: "col" }, t("memory")),
        h("th", { scope: "col" }, "x"),
        h("th", { scope: "col" }, "y"),
      ),
    ),
    body,
  );
  const row = (name: HTMLElement | string, columns: number) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, name),
      ...Array.from({ length: columns }, () => h("td", { colspan: 3 - columns })),
    );
  const arrowButton = ({ name, label, color }: Quantity) => {
    const button = h("button", { type: "button", class: "dl-arrow", "data-arrow": name }, label);
    button.style.setProperty("--dl-arrow", color);
    button.addEventListener("click", () => {
      const now = new Set(arrows.peek());
      if (!now.delete(name)) now.add(name);
      arrows.value = now;
    });
    return button;
  };
  let drawn = "";
  react(lifetime, () => {
    const race = frame.value;
    const numbers = (race?.numbers ?? []).slice(0, 4);
    const rows = JSON.stringify([chosen.value.map(({ name, color }) => [name, color]), numbers]);
    if (rows !== drawn) {
      drawn = rows;
      body.replaceChildren(
        ...chosen.value.map((one) => row(arrowButton(one), 2)),
        ...numbers.map((name) => row(has(`state_${name}`) ? t(`state_${name}`) : name, 1)),
      );
    }
    for (const button of body.querySelectorAll<HTMLElement>("[data-arrow]")) {
      setAttribute(button, "aria-pressed", String(arrows.value.has(button.dataset["arrow"]!)));
    }
    if (race === null) return;
    const step = Math.min(play.at.value, race.steps - 1);
    const cells = (at: number) => body.rows[at]!.cells;
    chosen.value.forEach(({ at }, place) => {
      at(step).forEach((value, i) => setText(cells(place)[i + 1]!, told(value)));
    });
    const values = floats(race, "numbers");
    numbers.forEach((_, i) => {
      setText(cells(chosen.value.length + i)[1]!, told(values[i * race.steps + step]!));
    });
  });
  return table;
}

const told = (value: number) => (Number.isFinite(value) ? tick(value).replace("-", "−") : "–");

/** The loss of each over its steps. */
function losses(view: View, play: PlayerPart) {
  const { t, frame, theme, lifetime } = view;
  const curves = computed(() => {
    const race = frame.value;
    if (race === null || race.lanes.length === 0) return null;
    const count = race.steps + 1;
    const all = floats(race, "losses");
    const steps = Float64Array.from({ length: count }, (_, i) => i);
    const lowest = all.reduce((low, one) => (one < low ? one : low), Infinity);
    // A logarithm needs what is above 0; what falls for ever has none.
    const log = lowest > -1e-5;
    const [first, floor] = [all[0]!, Math.max(lowest, 1e-8)];
    const range = log
      ? { low: Math.min(floor, first / 10), high: Math.max(first * 2, floor * 10) }
      : { low: Math.max(lowest, -20 * Math.abs(first) - 1), high: first + 0.1 * Math.abs(first) };
    return {
      log,
      range,
      // What is still to come is no loss.
      curves: race.lanes.map(({ name, done }, at) => ({
        points: curvePoints(
          steps.subarray(0, done + 1),
          all.subarray(at * count, at * count + done + 1),
        ),
        look: { ...lookOf(race, name, theme.value.dark), marker: null },
        axis: "loss",
      })),
    };
  });
  const part = chart(view, {
    label: t("losses"),
    scene: () => {
      const race = frame.value;
      const found = curves.value;
      if (race === null || found === null) return null;
      return {
        x: { label: t("axis_step"), low: 0, high: race.steps, unit: "whole" },
        y: [{ key: "loss", label: t("axis_loss"), log: found.log, range: found.range }],
        curves: found.curves,
      };
    },
    start: () => play.at.peek(),
    choose: (at) => {
      play.pause();
      play.seek(at);
    },
    readings: (at) => {
      const race = frame.value;
      const lane = race?.lanes.findIndex(({ name }) => name === race.chosen) ?? -1;
      const step = at ?? play.at.value;
      const loss = race === null ? NaN : floats(race, "losses")[lane * (race.steps + 1) + step];
      return [[t("loss_of", { name: race?.chosen ?? "" }), told(loss ?? NaN)]];
    },
  });
  // Over the curves: with each step they would be drawn anew.
  const now = h("div", { class: "dl-now", "aria-hidden": "true" });
  part.element.querySelector(".dl-area")?.append(now);
  react(lifetime, () => {
    now.style.left = `${(100 * play.at.value) / Math.max(1, frame.value?.steps ?? 1)}%`;
  });
  return part;
}

/** All optimizers: which run, and which is looked at. */
function lanes(view: View): HTMLElement {
  const { t, frame, lifetime, theme, tips } = view;
  const running = view.setting<readonly string[] | null>("running");
  const chosen = view.setting<string | null>("chosen");
  const element = h("div", { class: "dl-lanes", role: "group", "aria-label": t("optimizers") });
  const names = computed(() => JSON.stringify(frame.value?.all ?? []));
  const on = () => running.shown.value ?? frame.value?.running ?? [];
  react(lifetime, () => {
    const all = JSON.parse(names.value) as string[];
    element.replaceChildren(
      ...all.map((name) => {
        const label = t("run", { name });
        const box = h("input", { type: "checkbox", "aria-label": label, "data-lane": name });
        listen(box, "change", lifetime, () => {
          const wanted = new Set(running.shown.peek() ?? frame.peek()?.running ?? []);
          if (box.checked) wanted.add(name);
          else wanted.delete(name);
          if (wanted.size === 0) box.checked = true;
          else running.set(all.filter((one) => wanted.has(one)));
        });
        const button = h("button", { type: "button", class: "dl-lane-name", "data-choose": name });
        listen(button, "click", lifetime, () => {
          if (!box.checked) box.click();
          chosen.set(name);
        });
        return h("span", { class: "dl-lane" }, box, button);
      }),
    );
  });
  react(lifetime, () => {
    const race = frame.value;
    if (race === null) return;
    const now = on();
    for (const box of element.querySelectorAll<HTMLInputElement>("[data-lane]")) {
      box.checked = now.includes(box.dataset["lane"]!);
    }
    for (const button of element.querySelectorAll<HTMLElement>("[data-choose]")) {
      const name = button.dataset["choose"]!;
      const lane = race.lanes.find((one) => one.name === name);
      button.replaceChildren(swatch(lookOf(race, name, theme.value.dark)), name);
      if (lane?.left === true) button.append(h("span", { class: "dl-left-it" }, t("left")));
      setAttribute(button, "aria-pressed", String(race.chosen === name));
    }
  });
  tips.describe(element, t("optimizers"), t("tip_optimizers"));
  return element;
}

/** What there is to say: damping, the map, what an optimizer of one's own raised. */
function remarks({ t, frame, sentence, lifetime, setting }: View): HTMLElement {
  const element = h("p", { class: "dl-remarks", role: "status" });
  const basins = setting<boolean>("basins");
  react(lifetime, () => {
    const race = frame.value;
    if (race === null) return;
    const parts = race.lanes.flatMap(({ problem }) => (problem == null ? [] : [sentence(problem)]));
    const map = race.basins ?? null;
    if (map?.problem != null) parts.push(sentence(map.problem));
    else if (map !== null && basins.shown.value) {
      const done = Math.round(100 * (map.done ?? 0));
      const key = done < 100 ? "map_going" : map.exact === true ? "map" : "map_rounded";
      parts.push(
        t(key, { name: race.chosen, done, count: map.ends?.length ?? 0, starts: map.starts ?? 0 }),
      );
    }
    for (const { curvature, phase, factor } of race.damping ?? []) {
      const [c, f] = [told(curvature), factor.toFixed(3)];
      parts.push(t(`phase_${phase}`, { curvature: c, factor: f }));
    }
    setText(element, parts.length > 0 ? parts.join(" ") : t("hint"));
  });
  return element;
}

function status({ t, frame }: View): string {
  const race = frame.value;
  if (race === null) return "";
  if (race.lanes.length === 0) return t("loading");
  return t("racing", { count: race.lanes.length });
}

export default explainer<Race>({
  name: "optimizer_race",
  words: { en, es },
  read,
  draw,
  status,
  help: ["about", ["read_start", "read_tune", "read_arrows", "read_map"], "same"],
});

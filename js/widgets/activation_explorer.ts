/** The view of `dl_lab.ActivationExplorer`. */

import { type CurvePoints, curvePoints } from "../draw/curves.ts";
import { swatch } from "../draw/legend.ts";
import { inTheme, palette } from "../draw/looks.ts";
import type { Range } from "../draw/scale.ts";
import { powerTick } from "../draw/tick_text.ts";
import { chart, legendEntry, type Reading } from "../explainer/chart.ts";
import { codeLine } from "../explainer/code_line.ts";
import { comparison } from "../explainer/comparison.ts";
import { explainer, numbers } from "../explainer/explainer.ts";
import { formula } from "../explainer/formula.ts";
import { histograms } from "../explainer/histograms.ts";
import { settingControl } from "../explainer/settings.ts";
import type { Computed, ExplainerView } from "../explainer/view.ts";
import { formatRate, formatValue } from "../shared/format.ts";
import { react } from "../shared/lifetime.ts";
import { h } from "../shared/ui/dom.ts";
import en from "../shared/locales/activation_explorer.en.json";
import es from "../shared/locales/activation_explorer.es.json";
import "./activation_explorer.css";

interface Drawn {
  readonly name: string;
  /** The line of PyTorch that makes it; null for a function of one's own. */
  readonly code: string | null;
  readonly formula: string | null;
  readonly derivative: string | null;
}

/** What Python computed, as `docs/protocol.md` describes it. */
interface Activations {
  readonly curves: readonly Drawn[];
  readonly flat: readonly { readonly low: number; readonly high: number; readonly dead: boolean }[];
  /** The settings that make a difference now. */
  readonly counting: readonly string[];
  readonly values: Readonly<Record<string, number>>;
  /** The histograms of activations go from −reach to reach, those of gradients over these powers. */
  readonly reach: number;
  readonly powers: readonly [low: number, high: number];
  readonly x: Float32Array;
  readonly y: readonly CurvePoints[];
  readonly slope: readonly CurvePoints[];
  readonly activations: readonly Float32Array[];
  readonly gradients: readonly Float32Array[];
  readonly spread: Float32Array;
  readonly gradient: Float32Array;
  readonly zeros: Float32Array;
  readonly dead: Float32Array;
}

type View = ExplainerView<Activations>;

function read(computed: Computed): Activations {
  const of = (name: string) => numbers(computed, name);
  const rows = (name: string, count: number) => {
    const values = of(name);
    const long = values.length / count;
    return Array.from({ length: count }, (_, i) => values.subarray(i * long, (i + 1) * long));
  };
  const meta = computed.meta as unknown as Activations;
  const layers = of("spread").length;
  const points = (name: string) =>
    rows(name, meta.curves.length).map((values) => curvePoints(of("x"), values));
  return {
    ...meta,
    x: of("x"),
    y: points("y"),
    slope: points("slope"),
    activations: rows("activations", layers),
    gradients: rows("gradients", layers),
    spread: of("spread"),
    gradient: of("gradient"),
    zeros: of("zeros"),
    dead: of("dead"),
  };
}

const DERIVATIVE = { dash: [5, 4], width: 1.75 };

function look(place: number, { theme }: View, derivative = false) {
  const line = derivative ? DERIVATIVE : { dash: [], width: 2.5 };
  return inTheme({ color: place, marker: null, ...line }, theme.value.dark);
}

/** All that is there, but no more than so far from 0: the rest of the curve is steeper. */
function shownRange({ y, slope }: Activations): Range {
  const values = [...y, ...slope].flatMap(({ low }) => [Math.min(...low), Math.max(...low)]);
  return {
    low: Math.max(-3, Math.min(-0.5, ...values)) - 0.1,
    high: Math.min(4, Math.max(1.1, ...values)) + 0.1,
  };
}

function curves(view: View): HTMLElement {
  const { t, frame, theme } = view;
  return chart(view, {
    label: t("plot"),
    keys: t("keys"),
    legend: () => [
      ...(frame.value?.curves ?? []).map(({ name }, i) => legendEntry(name, swatch(look(i, view)))),
      legendEntry(t("derivative"), swatch(look(0, view, true))),
    ],
    scene: () => {
      if (frame.value === null) return null;
      const { x, y, slope, flat } = frame.value;
      const axis = "y";
      const drawn = y.map((points, i) => ({ points, look: look(i, view), axis }));
      const derived = slope.map((points, i) => ({ points, look: look(i, view, true), axis }));
      return {
        x: { label: "x", low: x[0]!, high: x.at(-1)! },
        y: [{ key: axis, label: t("axis"), range: shownRange(frame.value) }],
        // The first, which the rest is about, over the others.
        curves: [...derived, ...drawn].reverse(),
        bands: flat.map(({ low, high, dead }) => ({
          low,
          high,
          label: t(dead ? "zone_dead" : "zone_saturated"),
          color: dead ? theme.value.text : palette(theme.value.dark)[1]!,
        })),
      };
    },
    start: () => Math.floor((frame.peek()?.x.length ?? 0) / 2),
    readings: (at) => readings(view, at),
    describe: (at) =>
      readings(view, at)
        .map(([name, text]) => `${name}: ${text}`)
        .join("; "),
  }).element;
}

function readings({ frame }: View, at: number | null): Reading[] {
  const found = frame.value;
  const value = (points: CurvePoints) => (at === null ? null : (points.low[at] ?? null));
  const text = (one: number | null) => (one === null ? "–" : formatValue(one));
  return [
    ["x", at === null ? null : formatValue(found?.x[at] ?? NaN)],
    ...(found?.curves ?? []).map(({ name }, i): Reading => {
      const [y, slope] = [value(found!.y[i]!), value(found!.slope[i]!)];
      return [name, y === null ? null : `${formatValue(y)}, f′ ${text(slope)}`];
    }),
  ];
}

/** The formulas of the first, the sliders of its parameters, and the line that makes it. */
function definition(view: View): HTMLElement {
  const { t, frame, lifetime } = view;
  const first = () => frame.value?.curves[0];
  const formulas = formula(view, {
    label: t("formula"),
    source: () => {
      const { formula: f = null, derivative = null } = first() ?? {};
      return f === null ? [] : [`f(x) = ${f}`, `f'(x) = ${derivative}`];
    },
    values: () => frame.value?.values ?? {},
  });
  const line = codeLine(view, () => first()?.code ?? null);
  const own = h("p", { class: "dl-label" }, t("own_function"));
  react(lifetime, () => (own.hidden = first()?.formula !== null));
  const sliders = ["slope", "alpha", "beta", "cut", "beside"].map((name) => counted(view, name));
  return h("div", { class: "dl-definition" }, formulas, own, h("div", {}, ...sliders, line));
}

/** A control that is there while it makes a difference. */
function counted(view: View, name: string): HTMLElement {
  const element = settingControl(view, name);
  react(view.lifetime, () => {
    element.hidden = view.frame.value?.counting.includes(name) !== true;
  });
  return element;
}

function network(view: View): HTMLElement {
  const { t, frame, theme } = view;
  const color = (place: number) => palette(theme.value.dark)[place]!;
  const columns = (counts: readonly Float32Array[], place: number) =>
    counts.map((one, i) => ({
      label: counts.length <= 12 || i % 2 === 0 ? String(i + 1) : "",
      counts: one,
      color: color(place),
    }));
  /** Of one layer, or from the first to the last. */
  const along = (at: number | null, of: (layer: number) => string) => {
    const last = (frame.value?.spread.length ?? 0) - 1;
    if (last < 0) return null;
    return at === null && last > 0 ? `${of(0)} → ${of(last)}` : of(at ?? 0);
  };
  const share = (value: number | undefined) => `${Math.round(100 * (value ?? 0))} %`;
  const rows = (at: number | null, size: Float32Array, zeros: Float32Array, words: string) => [
    [t("layer"), along(at, (i) => String(i + 1))] as const,
    [t(`${words}_size`), along(at, (i) => formatRate(size[i]!))] as const,
    [t(`${words}_zeros`), along(at, (i) => share(zeros[i]))] as const,
  ];
  const none = new Float32Array();
  const forwards = histograms(view, {
    label: t("activations"),
    scene: () => {
      if (frame.value === null) return null;
      const { activations, reach } = frame.value;
      const y = { label: t("value"), range: { low: -reach, high: reach } };
      return { y, label: "", columns: columns(activations, 2) };
    },
    readings: (at) => rows(at, frame.value?.spread ?? none, frame.value?.zeros ?? none, "forward"),
  });
  const backwards = histograms(view, {
    label: t("gradients"),
    scene: () => {
      if (frame.value === null) return null;
      const { gradients, powers } = frame.value;
      const range = { low: 10 ** powers[0], high: 10 ** powers[1] };
      const y = { label: t("size"), log: true, range, text: powerTick };
      return { y, label: t("layer"), columns: columns(gradients, 3) };
    },
    readings: (at) =>
      rows(at, frame.value?.gradient ?? none, frame.value?.dead ?? none, "backward"),
  });
  return h(
    "section",
    { class: "dl-network" },
    h("h4", {}, t("activations")),
    forwards,
    h("h4", {}, t("gradients")),
    backwards,
  );
}

/** What has become of the gradient on its way to the first layer. */
function status({ t, frame }: View): string {
  const found = frame.value;
  if (found === null) return "";
  const { gradient, dead } = found;
  const left = gradient[0]! / gradient.at(-1)!;
  if (dead.some((share) => share > 0.9)) return t("status_dead");
  const params = { left: formatRate(left) };
  if (!(left >= 0.01)) return t("status_vanishes", params);
  return t(left > 100 ? "status_explodes" : "status_arrives", params);
}

export default explainer<Activations>({
  name: "activation_explorer",
  words: { en, es },
  read,
  draw: (view) => {
    const names = () => (view.frame.value?.curves ?? []).map(({ name }) => name);
    const beside = comparison(view, "compared", names);
    return [
      h(
        "div",
        { class: "dl-settings" },
        ...["activation", "initialization"].map((name) => settingControl(view, name)),
        counted(view, "scale"),
        ...["layers", "batch_norm"].map((name) => settingControl(view, name)),
      ),
      h("div", { class: "dl-body" }, h("section", {}, beside, curves(view)), network(view)),
      definition(view),
    ];
  },
  status,
  help: ["about", ["help_slope", "help_zones", "help_layers", "help_batch_norm"], "help_own"],
});

/** The view of `dl_lab.BiasVariance`. */

import { computed } from "@preact/signals-core";

import { curvePoints } from "../draw/curves.ts";
import { swatch } from "../draw/legend.ts";
import { inTheme, lossLook } from "../draw/looks.ts";
import { legendEntry } from "../explainer/chart.ts";
import { explainer, numbers } from "../explainer/explainer.ts";
import { sideBySide } from "../explainer/side_by_side.ts";
import type { Computed, ExplainerView } from "../explainer/view.ts";
import { formatValue } from "../shared/format.ts";
import { react, within } from "../shared/lifetime.ts";
import { slider } from "../shared/ui/controls.ts";
import { h } from "../shared/ui/dom.ts";
import en from "../shared/locales/bias_variance.en.json";
import es from "../shared/locales/bias_variance.es.json";

const ERRORS = ["train", "test", "bias", "variance"] as const;
type Name = (typeof ERRORS)[number];

interface Fits extends Computed {
  readonly capacity: number;
  readonly limits: readonly [least: number, most: number];
  /** Points in each training set. */
  readonly taken: number;
  /** Whether the points are a person's own, so that nobody knows their noise. */
  readonly own: boolean;
  readonly noise: number;
  readonly done: boolean;
  readonly numbers: Readonly<Record<Name, number | null>>;
}

type View = ExplainerView<Fits>;

/** The errors that the axis shows: beyond, a fit is as good as exact, or useless. */
const [LEAST, MOST] = [1e-3, 1e4];

function looks(dark: boolean) {
  const plain = (color: number, width: number, dash: readonly number[] = []) =>
    inTheme({ color, dash, width, marker: null }, dark);
  return {
    truth: plain(6, 2, [6, 4]),
    mean: plain(0, 2.5),
    single: plain(0, 0.5),
    point: { ...inTheme({ color: 6, dash: [], width: 0, marker: "circle" }, dark), width: 0 },
    train: { ...lossLook("train", dark), marker: null },
    test: { ...lossLook("validation", dark), width: 2.5, marker: null },
    bias: plain(0, 1.5, [2, 3]),
    variance: plain(1, 1.5, [7, 4]),
  };
}

function draw(view: View): HTMLElement[] {
  const { t, frame, theme } = view;
  const array = (name: string) => numbers(frame.value, name);
  const family = view.setting<string>("family").shown;
  const capacity = view.setting<number>("capacity");
  const look = () => looks(theme.value.dark);
  const entries = (names: readonly (keyof ReturnType<typeof looks>)[]) =>
    names.map((name) => legendEntry(t(name), swatch(look()[name])));
  const value = (name: string, at: number | null) =>
    at === null ? null : formatValue(array(name)[at] ?? NaN);

  const fits = {
    key: "fits",
    heading: () => {
      const key = family.value === "polynomial" ? "degree_is" : "units_is";
      const { capacity: count = 0, taken: sets = 0 } = frame.value ?? {};
      return t(key, { count, sets });
    },
    control: capacitySlider(view),
    label: t("fits"),
    legend: () => entries(["truth", "mean", "single", "point"]),
    scene: () => {
      if (frame.value === null) return null;
      const grid = array("grid");
      const { truth, mean, single, point } = look();
      const [low, high] = valuesSeen(array("truth"), array("y"));
      const all = array("fits");
      const curve = (points: ReturnType<typeof curvePoints>, one: typeof mean) => ({
        points,
        look: one,
        axis: "y",
      });
      return {
        x: { label: "x", low: grid[0]!, high: grid.at(-1)! },
        y: [{ key: "y", label: "y", range: { low, high } }],
        curves: [
          curve(curvePoints(grid, array("low"), array("high")), { ...mean, width: 0 }),
          ...Array.from({ length: all.length / grid.length }, (_, i) =>
            curve(curvePoints(grid, all.subarray(i * grid.length, (i + 1) * grid.length)), single),
          ),
          ...(frame.value.own ? [] : [curve(curvePoints(grid, array("truth")), truth)]),
          curve(curvePoints(grid, array("mean")), mean),
          curve(curvePoints(array("x"), array("y")), point),
        ],
      };
    },
    readings: (at: number | null) =>
      ["truth", "mean"].map((name) => [t(name), value(name, at)] as const),
    facts: () =>
      (["bias", "variance", "test", "train"] as const).map((name) => {
        const key = name === "bias" && frame.value?.own === true ? "own_bias" : name;
        return [t(key), formatValue(frame.value?.numbers[name] ?? NaN)] as const;
      }),
  };
  const errors = {
    key: "errors",
    heading: () => t("errors"),
    label: t("errors"),
    keys: t("choose"),
    legend: () => entries([...ERRORS]),
    scene: () => {
      if (frame.value === null) return null;
      const { limits, capacity: at } = frame.value;
      const x = array("capacities");
      const log = family.value !== "polynomial";
      return {
        x: { label: t(`axis_${family.value}`), low: limits[0], high: limits[1], log },
        y: [{ key: "e", label: t("axis_error"), log: true, range: { low: LEAST, high: MOST } }],
        curves: ERRORS.map((name) => ({
          points: curvePoints(
            x,
            array(name).map((one) => Math.max(LEAST, one)),
          ),
          look: look()[name],
          axis: "e",
        })),
        marks: [
          { name: "capacity", x: at, label: String(at), color: theme.value.text, dashed: true },
        ],
      };
    },
    start: () => array("capacities").indexOf(frame.peek()?.capacity ?? 0),
    choose: (at: number) => {
      const chosen = array("capacities")[at];
      if (chosen !== undefined) capacity.set(chosen);
    },
    readings: (at: number | null) => [
      [
        t(`axis_${family.value}`),
        at === null ? null : String(array("capacities")[at] ?? ""),
      ] as const,
      ...ERRORS.slice(0, 2).map((name) => [t(name), value(name, at)] as const),
    ],
  };
  return [sideBySide(view, [fits, errors], false)];
}

/** Goes as far as the family does. */
function capacitySlider(view: View): HTMLElement {
  const { t, frame, lifetime } = view;
  const place = h("div");
  const setting = view.setting<number>("capacity");
  let shown = "";
  let own = within(lifetime);
  react(lifetime, () => {
    const [least, most] = frame.value?.limits ?? [0, 40];
    if (shown === `${least} ${most}`) return;
    shown = `${least} ${most}`;
    own.abort();
    own = within(lifetime);
    const reached = computed(() => Math.max(least, Math.min(most, setting.shown.value)));
    const held = { shown: reached, set: (value: number) => setting.set(value) };
    const named = { name: "capacity", label: t("capacity"), tip: t("tip_capacity"), setting: held };
    place.replaceChildren(
      slider({ ...view, lifetime: own.signal }, named, [least, most, 1], String),
    );
  });
  return place;
}

/** A little more than the truth and the points take up. */
function valuesSeen(truth: Float32Array, y: Float32Array): readonly [low: number, high: number] {
  const all = [...truth, ...y].filter(Number.isFinite);
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const room = 0.25 * (high - low) || 1;
  return [low - room, high + room];
}

function read(computed: Computed): Fits {
  return { ...(computed.meta as unknown as Fits), ...computed };
}

export default explainer<Fits>({
  name: "bias_variance",
  words: { en, es },
  read,
  draw,
  status: ({ t, frame }) => (frame.value?.done === false ? t("status_busy") : ""),
  help: ["about", ["read_low", "read_high", "read_descent", "read_hold"]],
});

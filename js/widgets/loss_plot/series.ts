/** How a series is called, which y-axis it has, and how its line looks. */

import type { CurveLook, Marker } from "../../draw/curves.ts";
import { palette } from "../../draw/looks.ts";
import type { Translate } from "../../shared/i18n.ts";

/** Losses on the left; shares from 0 to 1, the learning rate and all else on axes of their own. */
export type Group = "loss" | "share" | "rate" | "other";

export const GROUPS: readonly Group[] = ["loss", "share", "other", "rate"];

const SHARE = /(^|_)(acc|accuracy|top_?\d+|precision|recall|f1|auc|auroc|iou|dice|r2)(_|$)/;

export function groupOf(name: string): Group {
  if (isRate(name)) return "rate";
  if (SHARE.test(name)) return "share";
  return name.includes("loss") ? "loss" : "other";
}

export function isValidation(name: string): boolean {
  return /^(val|validation|test|eval)_/.test(name);
}

function isRate(name: string): boolean {
  return name === "lr" || name === "learning_rate";
}

/** Losses first, train before validation, the learning rate last. */
export function inOrder(a: string, b: string): number {
  const rank = (name: string) => 2 * GROUPS.indexOf(groupOf(name)) + Number(isValidation(name));
  return rank(a) - rank(b);
}

/** What a series is called, in the field's terms where we know them. */
export function seriesLabel(t: Translate, name: string): string {
  const key = `loss_plot.series_${name}`;
  const known = t(key);
  return known === key ? name.replaceAll("_", " ") : known;
}

export type LineStyle = CurveLook;

const DASHES: readonly (readonly number[])[] = [[], [7, 4], [2, 3], [9, 3, 2, 3]];
const MARKERS: readonly Marker[] = ["circle", "square", "diamond", "triangle"];

/** In a plot of one run: train and validation of a quantity are a pair, validation is dashed. */
const PAIRS: readonly (readonly [train: number, validation: number])[] = [
  [2, 3],
  [0, 1],
  [5, 4],
  [7, 8],
];

/** Runs are told apart by colour, dash and marker; the series of a run by width and axis. */
export function runStyle(run: number, name: string, dark: boolean): LineStyle {
  const colors = palette(dark);
  return {
    color: colors[run % colors.length]!,
    dash: DASHES[run % DASHES.length]!,
    width: isValidation(name) ? 2.5 : isRate(name) ? 1 : 1.5,
    marker: MARKERS[run % MARKERS.length]!,
  };
}

/** The styles of the series of a single run, in their order. */
export function seriesStyles(
  names: readonly string[],
  dark: boolean,
): ReadonlyMap<string, LineStyle> {
  const colors = palette(dark);
  const quantities = [...new Set(names.filter((name) => !isRate(name)).map(quantity))].sort(
    (a, b) => Number(b === "loss") - Number(a === "loss"),
  );
  return new Map(
    names.map((name): [string, LineStyle] => {
      const validation = isValidation(name);
      if (isRate(name)) {
        return [name, { color: colors[6]!, dash: [2, 3], width: 1.5, marker: "diamond" }];
      }
      const pair = PAIRS[quantities.indexOf(quantity(name)) % PAIRS.length]!;
      return [
        name,
        {
          color: colors[pair[validation ? 1 : 0]]!,
          dash: validation ? [6, 3] : [],
          width: validation ? 2 : 1.75,
          marker: validation ? "square" : "circle",
        },
      ];
    }),
  );
}

/** What `train_x` and `validation_x` both are. */
function quantity(name: string): string {
  return name.replace(/^(train|training|val|validation|test|eval)_/, "");
}

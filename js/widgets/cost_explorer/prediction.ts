/** One prediction: each cost over the logit, its gradient there, and what arrives at the logit. */

import { curvePoints } from "../../draw/curves.ts";
import { swatch } from "../../draw/legend.ts";
import { inTheme } from "../../draw/looks.ts";
import type { Range } from "../../draw/scale.ts";
import { legendEntry, type Reading } from "../../explainer/chart.ts";
import { comparison } from "../../explainer/comparison.ts";
import { sideBySide } from "../../explainer/side_by_side.ts";
import { formatValue } from "../../shared/format.ts";
import { during, type View } from "./costs.ts";

/** Beyond these a cost, or a gradient, says only that it is large. */
const MOST = { cost: { low: -4, high: 6 }, arriving: { low: -3, high: 3 } } as const;
const LEAST = { low: -1.1, high: 1.1 };

/** All there is, up to where it says only that it is large. */
function shown(values: readonly Float32Array[], most: Range): Range {
  const [low, high] = [Math.min, Math.max].map((end) => end(...values.map((one) => end(...one))));
  return {
    low: Math.max(most.low, Math.min(LEAST.low, low!)),
    high: Math.min(most.high, Math.max(LEAST.high, high!)),
  };
}

function look(place: number, { theme }: View, gradient = false) {
  const line = gradient ? { dash: [5, 4], width: 1.75 } : { dash: [], width: 2.5 };
  return inTheme({ color: place, marker: null, ...line }, theme.value.dark);
}

export function prediction(view: View): HTMLElement[] {
  const { t } = view;
  const costs = () => during(view, "prediction");
  const place = (at: number | null): Reading[] => {
    const [z, y] = ["z", "prediction"].map((name) => costs()?.array(name)[at ?? -1]);
    return [
      ["z", z === undefined ? null : formatValue(z)],
      ["ŷ", y === undefined ? null : formatValue(y)],
    ];
  };
  const values = (array: string, at: number | null): Reading[] =>
    costs()?.names.map((name, i): Reading => {
      const value = costs()?.rows(array)[i]?.[at ?? -1];
      return [name, value === undefined ? null : formatValue(value)];
    }) ?? [];
  const side = (key: keyof typeof MOST, arrays: readonly string[]) => ({
    key,
    heading: () => t(`chart_${key}`),
    label: t(`chart_${key}`),
    keys: t("keys"),
    start: () => Math.floor((costs()?.array("z").length ?? 0) / 12),
    legend: () => [
      ...(costs()?.names ?? []).map((name, i) => legendEntry(name, swatch(look(i, view)))),
      ...(key === "cost" ? [legendEntry("dC/dŷ", swatch(look(0, view, true)))] : []),
    ],
    scene: () => {
      const found = costs();
      if (found === null) return null;
      const z = found.array("z");
      const axis = "c";
      const curves = arrays.flatMap((array, order) =>
        found.rows(array).map((values, i) => ({
          points: curvePoints(z, values),
          look: look(i, view, order > 0),
          axis,
        })),
      );
      return {
        x: { label: t("axis_logit"), low: z[0]!, high: z.at(-1)! },
        y: [
          {
            key: axis,
            label: t(`axis_${key}`),
            range: shown(
              arrays.flatMap((array) => found.rows(array)),
              MOST[key],
            ),
          },
        ],
        curves: curves.reverse(),
      };
    },
    readings: (at: number | null) => [
      ...(key === "cost" ? place(at) : []),
      ...values(arrays[0]!, at),
    ],
  });
  const names = () => [...(costs()?.names ?? [])];
  return [
    comparison(view, "compared", names),
    sideBySide(view, [side("cost", ["value", "gradient"]), side("arriving", ["arriving"])]),
  ];
}

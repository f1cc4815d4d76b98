/** The view of `dl_lab.CostExplorer`. */

import { curvePoints } from "../draw/curves.ts";
import { swatch } from "../draw/legend.ts";
import { inTheme } from "../draw/looks.ts";
import { chart, legendEntry } from "../explainer/chart.ts";
import { explainer, numbers } from "../explainer/explainer.ts";
import { formatValue } from "../shared/format.ts";
import en from "../shared/locales/cost_explorer.en.json";
import es from "../shared/locales/cost_explorer.es.json";

export default explainer({
  name: "cost_explorer",
  words: { en, es },
  help: ["about"],
  draw: (view) => {
    const { t, frame, theme } = view;
    const look = () => inTheme({ color: 0, dash: [], width: 2.5, marker: null }, theme.value.dark);
    const curve = chart(view, {
      label: t("title"),
      legend: () => [legendEntry(t("output"), swatch(look()))],
      scene: () => ({
        x: { label: "x", low: -5, high: 5 },
        y: [{ key: "y", label: "y", range: { low: 0, high: 1 } }],
        curves: [
          {
            points: curvePoints(numbers(frame.value, "x"), numbers(frame.value, "y")),
            look: look(),
            axis: "y",
          },
        ],
      }),
      readings: (at) =>
        ["x", "y"].map((name) => [
          name,
          at === null ? null : formatValue(numbers(frame.value, name)[at] ?? NaN),
        ]),
    });
    return [curve.element];
  },
});

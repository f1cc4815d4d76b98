/** Regression: lines trained on the same points with different costs, and a point to drag away. */

import { inTheme } from "../../draw/looks.ts";
import { swatch } from "../../draw/legend.ts";
import { legendEntry } from "../../explainer/chart.ts";
import { plane } from "../../explainer/plane.ts";
import { formatValue } from "../../shared/format.ts";
import { react } from "../../shared/lifetime.ts";
import { h, setText } from "../../shared/ui/dom.ts";
import { during, type View } from "./costs.ts";

const REACH = 4;
const DASHES = [[], [6, 3], [2, 3], [8, 3, 2, 3], [1, 2]] as const;

export function outlier(view: View): HTMLElement[] {
  const { t, setting, theme, lifetime } = view;
  const place = setting<readonly [number, number]>("outlier");
  const costs = () => during(view, "outlier");
  const look = (i: number) =>
    inTheme(
      { color: i, dash: DASHES[i % DASHES.length]!, width: 2.5, marker: null },
      theme.value.dark,
    );
  const { element } = plane(view, {
    label: t("plane_outlier"),
    keys: t("keys_plane"),
    ground: () =>
      costs() === null
        ? null
        : {
            x: { label: "x", low: -REACH, high: REACH },
            y: { label: "y", low: -REACH, high: REACH },
            grid: null,
            color: () => 0,
            levels: [],
          },
    over: () => {
      const found = costs();
      if (found === null) return {};
      const [x, y] = [found.array("x"), found.array("y")];
      return {
        trails: found.rows("lines").map((line, i) => ({
          x: [-REACH, REACH],
          y: [line[0]! - REACH * line[1]!, line[0]! + REACH * line[1]!],
          until: 1,
          look: look(i),
        })),
        // The last is the one to drag.
        signs: Array.from({ length: x.length - 1 }, (_, i) => ({
          x: x[i]!,
          y: y[i]!,
          marker: "circle" as const,
          color: theme.value.muted,
          size: 3.5,
        })),
      };
    },
    handles: () => {
      const [x, y] = place.shown.value;
      const spoken = t("spoken_outlier", { x: formatValue(x), y: formatValue(y) });
      return [{ name: "outlier", x, y, label: t("outlier"), spoken }];
    },
    moved: (_, [x, y]) => place.set([Number(x.toFixed(2)), Number(y.toFixed(2))]),
  });

  const body = h("tbody");
  react(lifetime, () => {
    const found = costs();
    if (found === null) return;
    while (body.rows.length < found.names.length) {
      body.append(h("tr", {}, h("th", { scope: "row" }), h("td"), h("td")));
    }
    const means = found.array("costs");
    found.rows("lines").forEach((line, i) => {
      const [name, equation, mean] = body.rows[i]!.cells;
      name!.replaceChildren(legendEntry(found.names[i]!, swatch(look(i))));
      setText(equation!, written(line[0]!, line[1]!));
      setText(mean!, formatValue(means[i]!));
    });
  });
  const heads = ["cost", "line", "cost_value"].map((key) => h("th", { scope: "col" }, t(key)));
  const table = h("table", { class: "dl-costs" }, h("thead", {}, h("tr", {}, ...heads)), body);
  return [
    h("div", { class: "dl-beside" }, element, h("section", {}, h("h4", {}, t("lines")), table)),
  ];
}

function written(intercept: number, slope: number): string {
  const [a, b] = [intercept, slope].map((value) => value.toFixed(2).replace("-", "−"));
  return b!.startsWith("−") ? `${a} − ${b!.slice(1)} x` : `${a} + ${b} x`;
}

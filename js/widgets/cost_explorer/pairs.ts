/** Ranking and contrastive costs: three points to drag, and where the cost pulls each of them. */

import { palette } from "../../draw/looks.ts";
import { type Place, plane } from "../../explainer/plane.ts";
import { formatValue } from "../../shared/format.ts";
import { h } from "../../shared/ui/dom.ts";
import { costTable } from "./cost_table.ts";
import { during, type View } from "./costs.ts";

const REACH = 3;
const NAMES = ["anchor", "positive", "negative"] as const;
/** Places in the palette: blue and orange as near and far, black for the anchor. */
const COLORS = [6, 0, 1] as const;

export function pairs(view: View): HTMLElement[] {
  const { t, setting, theme } = view;
  const places = NAMES.map((name) => setting<Place>(name));
  const costs = () => during(view, "pairs");
  const color = (i: number) => palette(theme.value.dark)[COLORS[i]!]!;
  const { element } = plane(view, {
    label: t("plane_pairs"),
    keys: t("keys_plane"),
    ground: () =>
      costs() === null
        ? null
        : {
            x: { label: "x₁", low: -REACH, high: REACH },
            y: { label: "x₂", low: -REACH, high: REACH },
            equal: true,
            grid: null,
            color: () => 0,
            levels: [],
          },
    over: () => {
      const found = costs();
      const gradient = found?.rows("gradients")[found.chosen];
      const at = places.map((place) => place.shown.value);
      return {
        signs: at.map(([x, y], i) => ({
          x,
          y,
          marker: (["square", "circle", "diamond"] as const)[i]!,
          color: color(i),
          size: 7,
        })),
        arrows: at.map(([x, y], i) => ({
          x,
          y,
          dx: -(gradient?.[2 * i] ?? 0),
          dy: -(gradient?.[2 * i + 1] ?? 0),
          color: color(i),
        })),
      };
    },
    handles: () =>
      NAMES.map((name, i) => {
        const [x, y] = places[i]!.shown.value;
        const params = { name: t(name), x: formatValue(x), y: formatValue(y) };
        return { name, x, y, label: t(name), spoken: t("spoken_point", params) };
      }),
    moved: (name, [x, y]) => {
      places[NAMES.indexOf(name as (typeof NAMES)[number])]!.set([
        Number(x.toFixed(2)),
        Number(y.toFixed(2)),
      ]);
    },
  });
  const table = costTable(view, "pair_cost", () => {
    const found = costs();
    if (found === null) return [];
    const rows = found.rows("gradients");
    return found.names.map((name, i) => {
      const [, , , , dx, dy] = rows[i]!;
      return [name, formatValue(found.array("costs")[i]!), formatValue(Math.hypot(dx!, dy!))];
    });
  });
  return [
    h(
      "div",
      { class: "dl-beside" },
      element,
      h(
        "section",
        {},
        h("h4", {}, t("costs")),
        table,
        h("p", { class: "dl-label" }, t("hint_pairs")),
      ),
    ),
  ];
}

/** The large heat map of the output, or of whatever is under the pointer, with points and axes. */

import { signal } from "@preact/signals-core";

import { byteValue } from "../../../draw/color.ts";
import { context2d, LargeHeatmap } from "../../../draw/heatmap.ts";
import { drawPoints } from "../../../draw/points.ts";
import { h, listen, setText } from "../../../shared/ui/dom.ts";
import { onEnd, react } from "../../../shared/lifetime.ts";
import type { Context } from "../context.ts";
import { EXTENT, SIDE, unitIndex } from "../frame.ts";
import { formatWeight } from "../../../shared/format.ts";
import { targetName } from "../network/naming.ts";

const TICKS = [-6, -4, -2, 0, 2, 4, 6];
const TRAIN_OUTLINE = "rgba(255, 255, 255, 0.85)";
const TEST_OUTLINE = "#000";

export function largeMap(context: Context): HTMLElement {
  const { t, settings, session, selection, table, lifetime } = context;
  const picture = h("canvas", { class: "dl-map-picture" });
  const dots = h("canvas", { class: "dl-map-points" });
  const probe = h("div", { class: "dl-map-probe", hidden: true });
  const square = h("div", { class: "dl-map-square", role: "img" }, picture, dots, probe);
  const heatmap = new LargeHeatmap(picture, SIDE);
  const dots2d = context2d(dots);
  const side = signal(0);

  const observer = new ResizeObserver(() => (side.value = square.clientWidth));
  observer.observe(square);
  onEnd(lifetime, () => observer.disconnect());

  /** The bytes to show, and which of their grids. */
  const shown = (): readonly [values: Uint8Array, index: number] | null => {
    const target = selection.enlarged.value;
    const frame = session.frame.value;
    if (target?.kind === "feature") {
      const maps = context.data.featureMaps.value;
      return maps && [maps, context.choices.features.indexOf(target.name)];
    }
    if (frame === null) return null;
    const count = frame.units.length / (SIDE * SIDE);
    if (target === null) return [frame.units, count - 1];
    return [frame.units, Math.min(count - 1, unitIndex(frame.hidden, target.layer, target.unit))];
  };

  react(lifetime, () => {
    if (side.value === 0) return;
    heatmap.resize(Math.round(side.value * (devicePixelRatio || 1)));
    const grid = shown();
    if (grid !== null) heatmap.draw(...grid, table.value, !settings.discretize.shown.value);
  });

  react(lifetime, () => {
    const frame = session.frame.value;
    if (frame === null) return;
    const name = targetName(t, frame, selection.enlarged.value);
    const label = t("playground.map_of", { name });
    if (square.getAttribute("aria-label") !== label) square.setAttribute("aria-label", label);
  });

  react(lifetime, () => {
    const points = context.data.points.value;
    const size = side.value;
    if (size === 0) return;
    const ratio = devicePixelRatio || 1;
    dots.width = dots.height = Math.round(size * ratio);
    if (points === null) return;
    dots2d.setTransform(ratio, 0, 0, ratio, 0, 0);
    const radius = Math.max(2.5, size / 100);
    if (settings.show_test.shown.value) {
      const style = { radius, outline: TEST_OUTLINE };
      drawPoints(dots2d, size, EXTENT, points.testPoints, points.testTargets, style);
    }
    const style = { radius, outline: TRAIN_OUTLINE };
    drawPoints(dots2d, size, EXTENT, points.trainPoints, points.trainTargets, style);
  });

  listen(square, "pointermove", lifetime, (event) => {
    const { left, top, width } = square.getBoundingClientRect();
    const [column, row] = [event.clientX - left, event.clientY - top].map((pixel) =>
      Math.max(0, Math.min(SIDE - 1, Math.floor((pixel / width) * SIDE))),
    ) as [number, number];
    const grid = shown();
    if (grid === null) return;
    const [values, index] = grid;
    // A sample stands for the middle of its cell.
    const coordinate = (cell: number) => ((cell + 0.5) / SIDE) * 2 * EXTENT - EXTENT;
    probe.hidden = false;
    setText(
      probe,
      t("playground.probe", {
        x: formatPosition(coordinate(column)),
        y: formatPosition(-coordinate(row)),
        value: formatWeight(byteValue(values[index * SIDE * SIDE + row * SIDE + column]!)),
      }),
    );
    probe.classList.toggle("dl-low", row < SIDE / 2);
  });
  listen(square, "pointerleave", lifetime, () => (probe.hidden = true));

  return h("div", { class: "dl-map" }, square, axis("x"), axis("y"));
}

function axis(direction: "x" | "y"): HTMLElement {
  return h(
    "div",
    { class: `dl-map-axis dl-map-${direction}`, "aria-hidden": "true" },
    ...TICKS.map((tick) => {
      const share = (100 * (tick + EXTENT)) / (2 * EXTENT);
      const place = direction === "x" ? `left:${share}%` : `bottom:${share}%`;
      return h("span", { style: place }, String(tick).replace("-", "−"));
    }),
  );
}

function formatPosition(value: number): string {
  return value.toFixed(1).replace("-", "−");
}

/** Histograms side by side that follow what Python computed; pointer and keys read each of them. */

import { computed, signal } from "@preact/signals-core";

import type { Box } from "../draw/axes.ts";
import { columnAt, drawHistograms, type HistogramScene } from "../draw/plane/histograms.ts";
import { react } from "../shared/lifetime.ts";
import { h, listen, setAttribute } from "../shared/ui/dom.ts";
import { followSize } from "../shared/ui/size.ts";
import { above, type ChartOptions, type Reading } from "./chart.ts";
import type { ExplainerView } from "./view.ts";

/** What a host without layout is taken to have. */
const SIZE = { width: 400, height: 160 };

export interface HistogramsOptions extends Pick<ChartOptions, "legend"> {
  /** What they show, for a screen reader. */
  readonly label: string;
  /** What there is to draw; it runs again when a signal that it reads changes. */
  readonly scene: () => Omit<HistogramScene, "width" | "height" | "style" | "chosen"> | null;
  /** Names and values of a column; null is none. */
  readonly readings: (column: number | null) => readonly Reading[];
}

export function histograms<Frame>(
  view: ExplainerView<Frame>,
  options: HistogramsOptions,
): HTMLElement {
  const { lifetime, theme } = view;
  const canvas = h("canvas", { "aria-hidden": "true" });
  const area = h("div", { class: "dl-area", role: "slider", "aria-label": options.label });
  const root = h("div", { class: "dl-histograms" }, canvas, area);
  const size = followSize(root, SIZE, lifetime);
  const chosen = signal<number | null>(null);
  const scene = computed(options.scene);
  const count = computed(() => scene.value?.columns.length ?? 0);
  let box: Box | null = null;

  react(lifetime, () => {
    if (scene.value === null) return;
    const { text, muted, line, background } = theme.value;
    const font = `12px ${getComputedStyle(root).fontFamily || "sans-serif"}`;
    const style = { font, text: muted || text, line, background };
    box = drawHistograms(canvas, { ...scene.value, ...size.value, chosen: chosen.value, style });
  });

  const point = (event: PointerEvent) => {
    const { left } = area.getBoundingClientRect();
    if (box !== null) chosen.value = columnAt(box, count.peek(), event.clientX - left);
  };
  listen(area, "pointermove", lifetime, point);
  listen(area, "pointerdown", lifetime, point);
  listen(area, "pointerleave", lifetime, () => {
    if (area !== document.activeElement) chosen.value = null;
  });
  listen(area, "focus", lifetime, () => (chosen.value ??= 0));
  listen(area, "blur", lifetime, () => (chosen.value = null));
  listen(area, "keydown", lifetime, (event) => {
    const last = count.peek() - 1;
    const at = chosen.peek() ?? 0;
    const to: Readonly<Record<string, number>> = {
      ArrowLeft: at - 1,
      ArrowDown: at - 1,
      ArrowRight: at + 1,
      ArrowUp: at + 1,
      Home: 0,
      End: last,
    };
    const column = to[event.key];
    if (column === undefined || last < 0) return;
    chosen.value = Math.max(0, Math.min(last, column));
    event.preventDefault();
    // JupyterLab has other plans for these keys.
    event.stopPropagation();
  });
  react(lifetime, () => {
    const at = Math.min(chosen.value ?? 0, Math.max(0, count.value - 1));
    area.tabIndex = count.value > 0 ? 0 : -1;
    setAttribute(area, "aria-valuemin", 0);
    setAttribute(area, "aria-valuemax", Math.max(0, count.value - 1));
    setAttribute(area, "aria-valuenow", at);
    const read = count.value === 0 ? ["–"] : options.readings(at).flat();
    setAttribute(area, "aria-valuetext", read.map((one) => one ?? "–").join(" "));
  });
  return h("div", { class: "dl-chart-frame" }, above(view, options, chosen), root);
}

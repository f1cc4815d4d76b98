/** Loss over learning rate, with a cursor that one moves by pointer or keys. */

import { h, listen, s, setAttribute } from "../../shared/dom.ts";
import { formatLoss } from "../../shared/format.ts";
import { onEnd, react } from "../../shared/lifetime.ts";
import { lastSize } from "../../shared/size.ts";
import { formatRate } from "./axes.ts";
import type { Context } from "./context.ts";
import { nearest } from "./curve.ts";
import {
  axisParts,
  cursorParts,
  curveParts,
  type Geometry,
  layOut,
  markParts,
  plotArea,
} from "./drawing.ts";

/** What a host without layout is taken to have. */
const SIZE = { width: 800, height: 288 };
const PAGE = 10;

export function plot(context: Context): HTMLElement {
  const { t, view, test, chosen, inUse, cursor, lifetime } = context;
  const [axes, curves, marks, pointer] = [s("g"), s("g"), s("g"), s("g", { class: "dl-cursor" })];
  const clip = s("rect");
  const drawing = s(
    "svg",
    { "aria-hidden": "true" },
    s("defs", {}, s("clipPath", { id: `${view}-clip` }, clip)),
    axes,
    curves,
    marks,
    pointer,
  );
  const element = h(
    "div",
    {
      class: "dl-plot",
      role: "slider",
      tabindex: 0,
      "aria-label": t("learning_rate_finder.plot"),
      "aria-describedby": `${view}-plot-keys`,
    },
    drawing,
  );
  const keys = h("span", { id: `${view}-plot-keys`, hidden: true }, t("learning_rate_finder.keys"));
  let geometry: Geometry | null = null;

  const size = lastSize(element, SIZE);
  const draw = () => {
    const found = test.peek();
    if (found === null) return;
    const { width, height } = size();
    geometry = layOut(found, width, height);
    setAttribute(drawing, "width", width);
    setAttribute(drawing, "height", height);
    setAttribute(drawing, "viewBox", `0 0 ${width} ${height}`);
    for (const [name, value] of Object.entries(plotArea(geometry))) setAttribute(clip, name, value);
    axes.replaceChildren(...axisParts(t, geometry));
    curves.replaceChildren(...curveParts(geometry, `url(#${view}-clip)`));
    drawMarks();
    drawPointer();
  };
  const drawMarks = () => {
    if (geometry === null) return;
    marks.replaceChildren(...markParts(t, geometry, inUse.peek()));
  };
  const drawPointer = () => {
    const at = cursor.peek();
    pointer.replaceChildren(...(geometry === null || at === null ? [] : cursorParts(geometry, at)));
  };

  react(lifetime, () => {
    if (test.value === null) return;
    const { length } = test.value.rates;
    element.tabIndex = length > 0 ? 0 : -1;
    draw();
  });
  react(lifetime, () => {
    if (inUse.value !== null) drawMarks();
  });
  react(lifetime, () => {
    describe(element, context, cursor.value);
    drawPointer();
  });
  const resized = new ResizeObserver(draw);
  resized.observe(element);
  onEnd(lifetime, () => resized.disconnect());

  const use = () => {
    const rate = test.peek()?.rates[cursor.peek() ?? -1];
    if (rate !== undefined) chosen.set(Number(rate.toPrecision(3)));
  };
  const follow = (event: PointerEvent | MouseEvent) => {
    if (geometry === null || geometry.test.rates.length === 0) return;
    const at = event.clientX - drawing.getBoundingClientRect().left;
    cursor.value = nearest(geometry.test.rates, geometry.x.place, at);
  };
  listen(element, "pointermove", lifetime, follow);
  listen(element, "pointerleave", lifetime, () => {
    if (element !== document.activeElement) cursor.value = null;
  });
  listen(element, "click", lifetime, (event) => {
    follow(event);
    use();
  });
  listen(element, "focus", lifetime, () => {
    cursor.value ??= start(context);
  });
  listen(element, "blur", lifetime, () => (cursor.value = null));
  listen(element, "keydown", lifetime, (event) => {
    const count = test.peek()?.rates.length ?? 0;
    if (count === 0) return;
    if (event.key === "Enter" || event.key === " ") use();
    else {
      const to = moved(event.key, cursor.peek() ?? start(context) ?? 0, count);
      if (to === null) return;
      cursor.value = to;
    }
    event.preventDefault();
    // JupyterLab has other plans for these keys.
    event.stopPropagation();
  });
  return h("div", { class: "dl-plot-frame" }, element, keys);
}

function moved(key: string, from: number, count: number): number | null {
  const steps: Readonly<Record<string, number>> = {
    ArrowLeft: -1,
    ArrowDown: -1,
    ArrowRight: 1,
    ArrowUp: 1,
    PageDown: -PAGE,
    PageUp: PAGE,
    Home: -count,
    End: count,
  };
  const step = steps[key];
  return step === undefined ? null : Math.max(0, Math.min(count - 1, from + step));
}

/** Where the keys begin: at the suggestion, else at the rate in use. */
function start({ test, inUse }: Context): number | null {
  const found = test.peek();
  if (found === null || found.rates.length === 0) return null;
  const place = (rate: number) => Math.log(rate);
  return nearest(found.rates, place, place(found.suggestion ?? inUse.peek() ?? 0));
}

function describe(element: HTMLElement, context: Context, at: number | null): void {
  const { t, test } = context;
  const found = test.value;
  const count = found?.rates.length ?? 0;
  const index = at ?? start(context) ?? 0;
  setAttribute(element, "aria-valuemin", 0);
  setAttribute(element, "aria-valuemax", Math.max(0, count - 1));
  setAttribute(element, "aria-valuenow", index);
  setAttribute(element, "aria-disabled", String(count === 0));
  if (found === null || count === 0) {
    setAttribute(element, "aria-valuetext", t("learning_rate_finder.nothing"));
    return;
  }
  setAttribute(
    element,
    "aria-valuetext",
    t("learning_rate_finder.reading", {
      rate: formatRate(found.rates[index]!),
      loss: formatLoss(found.losses[index]!),
      smoothed: formatLoss(found.smoothed[index]!),
    }),
  );
}

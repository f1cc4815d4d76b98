/** What the colours mean, beneath the graph; and the way to the first NaN. */

import { h, listen, setText } from "../../shared/ui/dom.ts";
import { react } from "../../shared/lifetime.ts";
import { NAN, type Scale } from "./colours.ts";
import type { Context } from "./context.ts";
import { formatMetric } from "./numbers.ts";

const STEPS = 8;

export function legend(context: Context): HTMLElement {
  const { t, lifetime, scales, live, colour, frame, drawn } = context;
  const ramp = h("span", { class: "dl-ramp", "aria-hidden": "true" });
  const [low, middle, high] = [h("span"), h("span"), h("span")];
  const name = h("span", { class: "dl-label" });
  const scale = h("span", { class: "dl-scale" }, name, low, ramp, high, middle);
  const wait = h("span", { class: "dl-label" });
  react(lifetime, () => {
    const metric = colour.shown.value;
    const shown = scales.value.find((one) => one !== null) ?? null;
    const isLive = metric === "activations" || metric === "gradients";
    const waits = isLive && live.value.every((one) => one === null);
    scale.hidden = shown === null || waits;
    wait.hidden = !(waits || metric === "nothing");
    setText(
      wait,
      waits ? t(frame.value?.trainer === true ? "waiting" : "no_trainer") : t("no_colour"),
    );
    if (shown === null) return;
    setText(name, t(`legend_${metric}`));
    setText(low, formatMetric(metric, shown.low));
    const usual = isLive ? formatMetric(metric, shown.middle) : "";
    setText(middle, isLive ? t("legend_middle", { value: usual }) : "");
    setText(high, formatMetric(metric, shown.high));
    middle.hidden = !isLive;
    ramp.style.background = gradient(shown);
  });
  const element = h("div", { class: "dl-legend" }, scale, wait);
  let known = 0;
  react(lifetime, () => {
    while (known < Math.max(1, drawn.value.length)) element.append(...firstNan(context, known++));
  });
  return element;
}

/** Where numbers of one of the graphs first were not finite, and the way there. */
function firstNan(context: Context, index: number): HTMLElement[] {
  const { t, lifetime, live, drawn } = context;
  const why = h("span", { class: "dl-why" });
  const broken = h("button", { type: "button", class: "dl-button dl-first-nan" });
  react(lifetime, () => {
    const first = live.value[index]?.first ?? null;
    const graph = drawn.value[index];
    broken.hidden = why.hidden = first === null || graph === undefined;
    setText(why, first === null ? "" : context.sentence(first.sentence));
    if (first === null || graph === undefined) return;
    const node = graph.info.same[first.node] ?? -1;
    const where = node < 0 ? "" : graph.text(node).split(" ")[0]!;
    const text = t("first_nan_at", { where, step: first.step });
    // Which of two graphs it is: they may be of one class.
    setText(broken, drawn.value.length < 2 ? text : `${index + 1} · ${graph.info.name}: ${text}`);
  });
  listen(broken, "click", lifetime, () => {
    const first = live.peek()[index]?.first;
    const node = first == null ? undefined : drawn.peek()[index]?.info.same[first.node];
    if (node !== undefined) context.goTo(index, node);
  });
  broken.style.setProperty("--dl-nan", NAN);
  return [why, broken];
}

function gradient({ low, high, fill }: Scale): string {
  const stops = Array.from({ length: STEPS + 1 }, (_, i) => fill(low + ((high - low) * i) / STEPS));
  return `linear-gradient(to right, ${stops.join(",")})`;
}

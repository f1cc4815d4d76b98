/** What the curves are, and the numbers under the cursor. */

import { h, s, setText } from "../../shared/dom.ts";
import { formatLoss } from "../../shared/format.ts";
import { react } from "../../shared/lifetime.ts";
import { formatRate } from "./axes.ts";
import type { Context } from "./context.ts";
import { DIAMOND } from "./drawing.ts";

export function legend(context: Context): HTMLElement {
  const { t, test, cursor, lifetime } = context;
  const suggestion = entry(t("learning_rate_finder.suggestion"), [
    s("path", { class: "dl-suggestion-sign", d: DIAMOND, transform: "translate(9 6)" }),
  ]);
  react(lifetime, () => {
    suggestion.hidden = (test.value?.suggestion ?? null) === null;
  });
  const readings = ["rate_here", "loss", "smoothed"].map((name) => {
    const value = h("span", { class: "dl-reading-value" }, "–");
    const label = h("span", { class: "dl-label" }, t(`learning_rate_finder.${name}`));
    return { value, element: h("span", { class: "dl-reading" }, label, value) };
  });
  react(lifetime, () => {
    const { rates, losses, smoothed } = test.value ?? {};
    const at = cursor.value;
    const known = at !== null && rates !== undefined && at < rates.length;
    const texts = known
      ? [formatRate(rates[at]!), formatLoss(losses![at]!), formatLoss(smoothed![at]!)]
      : ["–", "–", "–"];
    readings.forEach(({ value }, i) => setText(value, texts[i]!));
  });
  return h(
    "div",
    { class: "dl-legend" },
    h(
      "div",
      { class: "dl-entries" },
      entry(t("learning_rate_finder.smoothed_loss"), [
        s("path", { class: "dl-smoothed", d: "M0 6H18" }),
      ]),
      entry(t("learning_rate_finder.step_loss"), [
        s("path", { class: "dl-raw", d: "M0 8L4 4L8 9L13 3L18 7" }),
      ]),
      suggestion,
      entry(t("learning_rate_finder.in_use"), [s("path", { class: "dl-in-use", d: "M9 0V12" })]),
    ),
    h("div", { class: "dl-readings", "aria-hidden": "true" }, ...readings.map((r) => r.element)),
  );
}

function entry(text: string, sign: SVGElement[]): HTMLElement {
  return h(
    "span",
    { class: "dl-entry" },
    s("svg", { viewBox: "0 0 18 12", width: 18, height: 12, "aria-hidden": "true" }, ...sign),
    text,
  );
}

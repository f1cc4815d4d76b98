/** What the colours mean: orange −1, blue +1. */

import { signedColor } from "../../../draw/color.ts";
import { h } from "../../../shared/ui/dom.ts";
import { react } from "../../../shared/lifetime.ts";
import type { Context } from "../context.ts";

export function legend({ t, settings, lifetime, tips }: Context): HTMLElement {
  const strip = h("div", { class: "dl-legend-strip" });
  react(lifetime, () => {
    const [negative, neutral, positive] = [-1, 0, 1].map(signedColor) as [string, string, string];
    const stops = settings.discretize.shown.value
      ? `${negative} 50%, ${positive} 50%`
      : `${negative}, ${neutral}, ${positive}`;
    strip.style.background = `linear-gradient(to right, ${stops})`;
  });
  const element = h("div", { class: "dl-legend" }, h("span", {}, "−1"), strip, h("span", {}, "+1"));
  tips.describe(element, t("playground.legend"), t("playground.tip_legend"));
  return element;
}

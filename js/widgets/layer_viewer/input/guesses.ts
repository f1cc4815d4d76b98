/** The likeliest classes with their probabilities; a click asks about that class. */

import { h, listen, setAttribute, setText } from "../../../shared/ui/dom.ts";
import { react } from "../../../shared/lifetime.ts";
import type { Context } from "../context.ts";

const MOST = 5;

export function guesses(context: Context): HTMLElement {
  const { t, tips, session, network, settings, lifetime } = context;
  const rows = Array.from({ length: MOST }, () => {
    const name = h("span", { class: "dl-class" });
    const bar = h("span", { class: "dl-bar" });
    const share = h("span", { class: "dl-share" });
    const track = h("span", { class: "dl-track" }, bar);
    const button = h("button", { type: "button", class: "dl-guess" }, name, track, share);
    return { name, bar, share, button };
  });
  const element = h(
    "div",
    { class: "dl-guesses", role: "group", "aria-label": t("layer_viewer.guesses") },
    ...rows.map(({ button }) => button),
  );
  react(lifetime, () => {
    const frame = session.frame.value;
    const classes = network.value?.classes ?? [];
    const target = settings.target.shown.value;
    element.hidden = classes.length === 0;
    rows.forEach(({ name, bar, share, button }, i) => {
      const guess = frame?.guesses[i];
      button.hidden = i >= classes.length;
      setText(name, guess === undefined ? "–" : (classes[guess.index] ?? String(guess.index)));
      bar.style.width = `${100 * (guess?.probability ?? 0)}%`;
      setText(share, guess === undefined ? "" : percent(guess.probability));
      setAttribute(button, "aria-pressed", String(target !== null && guess?.index === target));
    });
  });
  rows.forEach(({ button, name }, i) => {
    listen(button, "click", lifetime, () => {
      const index = session.frame.peek()?.guesses[i]?.index;
      if (index === undefined) return;
      settings.target.set(settings.target.shown.peek() === index ? null : index);
    });
    tips.explain(button, () => {
      const guess = session.frame.peek()?.guesses[i];
      const params = {
        probability: percent(guess?.probability ?? 0),
        score: (guess?.score ?? 0).toFixed(3),
      };
      return { name: name.textContent, text: t("layer_viewer.tip_guess", params) };
    });
  });
  return element;
}

function percent(share: number): string {
  const size = 100 * share;
  return `${size >= 99.95 || size < 0.05 ? size.toFixed(0) : size.toFixed(1)} %`;
}

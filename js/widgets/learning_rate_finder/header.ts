/** The first line: the rate in use, the suggestion to take with one click, and help. */

import { h, listen, setText } from "../../shared/dom.ts";
import { react } from "../../shared/lifetime.ts";
import { numberField } from "../../shared/number_field.ts";
import { formatRate } from "./axes.ts";
import type { Context } from "./context.ts";

export function header(context: Context, buttons: readonly HTMLElement[]): HTMLElement {
  return h(
    "div",
    { class: "dl-header" },
    title(context),
    h("div", { class: "dl-rate" }, suggestionButton(context), field(context)),
    status(context),
    h("div", { class: "dl-quiet" }, ...buttons),
  );
}

function title({ t, test, lifetime }: Context): HTMLElement {
  const name = h("span", { class: "dl-label" });
  react(lifetime, () => setText(name, test.value?.name ?? ""));
  return h("div", { class: "dl-title" }, h("h3", {}, t("learning_rate_finder.title")), name);
}

function suggestionButton(context: Context): HTMLElement {
  const { t, test, chosen, inUse, lifetime, tips } = context;
  const label = h("span");
  const button = h("button", { type: "button", class: "dl-use" }, label);
  react(lifetime, () => {
    const suggestion = test.value?.suggestion ?? null;
    const used = suggestion !== null && inUse.value === suggestion;
    button.hidden = test.value === null || suggestion === null;
    button.toggleAttribute("data-used", used);
    // Not `disabled`: the focus stays where it is.
    button.setAttribute("aria-disabled", String(used));
    if (suggestion === null) return;
    const rate = formatRate(suggestion);
    setText(label, t(used ? "learning_rate_finder.used" : "learning_rate_finder.use", { rate }));
  });
  listen(button, "click", lifetime, () => {
    const suggestion = test.peek()?.suggestion ?? null;
    if (suggestion !== null && inUse.peek() !== suggestion) chosen.set(suggestion);
  });
  tips.describe(button, t("learning_rate_finder.suggested"), t("learning_rate_finder.tip_use"));
  return button;
}

function field(context: Context): HTMLElement {
  const { t, view, chosen, inUse, lifetime, tips } = context;
  const label = t("learning_rate_finder.rate");
  const { element, input, show } = numberField(context, lifetime, label, `${view}-rate`, (value) =>
    chosen.set(value),
  );
  react(lifetime, () => {
    const rate = inUse.value;
    show(rate === null ? "" : typed(rate));
  });
  tips.describe(input, label, t("learning_rate_finder.tip_rate"));
  return element;
}

/** As one would type it: a plain minus in the exponent. */
function typed(rate: number): string {
  return formatRate(rate).replace("−", "-");
}

/** Who listens hears each change; who looks sees it in the field and in the plot. */
function status({ t, test, chosen, session, lifetime }: Context): HTMLElement {
  const text = h("span", { class: "dl-status-text" });
  const spoken = h("span", { class: "dl-spoken", role: "status" });
  react(lifetime, () => {
    const connection = session.connection.value;
    const rate = chosen.shown.value;
    let sentence = "";
    if (connection !== "live") sentence = t(`kernel.status_${connection}`);
    else if (rate !== null) {
      sentence = t("learning_rate_finder.status_used", { rate: formatRate(rate) });
    } else if (test.value !== null) {
      const { current } = test.value;
      sentence = t("learning_rate_finder.status_before", { rate: formatRate(current) });
    }
    setText(text, sentence);
    setText(spoken, sentence);
  });
  text.setAttribute("aria-hidden", "true");
  return h("div", { class: "dl-status" }, text, spoken);
}

/** What stands above the graph: colours, how near and how deep, the search. */

import type { IconName } from "../../shared/ui/icons.ts";
import { iconButton } from "../../shared/ui/controls.ts";
import { h, listen, setAttribute, setText } from "../../shared/ui/dom.ts";
import { react } from "../../shared/lifetime.ts";
import { settingControl } from "../../explainer/settings.ts";
import type { Context, PaneOf } from "./context.ts";
import { nextHit } from "./search.ts";

const CLOSER = 1.25;

/** A field for a regular expression: what it does not find becomes pale. */
function searchField(context: Context): HTMLElement {
  const { t, view, lifetime, tips, search, found, drawn, chosen, beside } = context;
  const id = `${view}-search`;
  const input = h("input", {
    id,
    type: "search",
    placeholder: t("search"),
    "aria-label": t("search"),
    spellcheck: "false",
    autocomplete: "off",
    maxlength: 1000,
  });
  const count = h("span", { class: "dl-count", role: "status" });
  const go = (step: 1 | -1) => {
    const index = beside.peek();
    const item = drawn.peek()[index]?.item(chosen.shown.peek()) ?? -1;
    const next = nextHit(found.peek(), { index, item }, step);
    if (next !== null) context.goTo(next.index, next.item);
  };
  const button = (icon: IconName, name: string, step: 1 | -1) => {
    const made = iconButton(context, icon, t(name), t(`tip_${name}`), () => go(step));
    made.classList.add("dl-small");
    return made;
  };
  const previous = button("left", "previous", -1);
  const next = button("right", "next", 1);
  react(lifetime, () => {
    const wanted = search.shown.value;
    if (input.value !== wanted) input.value = wanted;
  });
  react(lifetime, () => {
    const all = found.value;
    const wrong = all[0]?.wrong ?? null;
    const many = all.reduce((sum, { items }) => sum + (items?.length ?? 0), 0);
    const idle = search.shown.value === "";
    setText(
      count,
      idle
        ? ""
        : wrong !== null
          ? t("wrong_expression", { reason: wrong })
          : t(many === 1 ? "found_one" : "found", { count: many }),
    );
    count.classList.toggle("dl-wrong", wrong !== null);
    setAttribute(input, "aria-invalid", wrong === null ? null : "true");
    for (const one of [previous, next]) setAttribute(one, "aria-disabled", String(many === 0));
  });
  listen(input, "input", lifetime, () => search.set(input.value));
  listen(input, "keydown", lifetime, (event) => {
    if (event.key === "Enter") {
      go(event.shiftKey ? -1 : 1);
      event.preventDefault();
    }
    if (event.key === "Escape" && input.value !== "") {
      search.set("");
      event.preventDefault();
    }
    // JupyterLab has other plans for letters.
    event.stopPropagation();
  });
  tips.describe(input, t("search"), t("tip_search"));
  return h(
    "div",
    { class: "dl-search" },
    h("span", { class: "dl-search-field" }, input, previous, next),
    count,
  );
}

export function toolRow(context: Context): HTMLElement {
  return h(
    "div",
    { class: "dl-tools" },
    settingControl(context, "colour"),
    settingControl(context, "direction"),
    mapButtons(context),
    searchField(context),
  );
}

/** Buttons as on a map. */
function mapButtons(context: Context): HTMLElement {
  const { t, panes } = context;
  const small = (icon: IconName, name: string, act: () => void) => {
    const button = iconButton(context, icon, t(name), t(`tip_${name}`), act);
    button.classList.add("dl-small");
    return button;
  };
  const all = (act: (pane: PaneOf) => void) => panes.forEach(act);
  return h(
    "div",
    { class: "dl-map", role: "group", "aria-label": t("depth") },
    small("fold", "shallower", () => context.deeper("less")),
    small("unfold", "deeper", () => context.deeper("more")),
    small("expand", "open_all", () => context.deeper("all")),
    small("minus", "farther", () => all((pane) => pane.zoom(1 / CLOSER))),
    small("plus", "nearer", () => all((pane) => pane.zoom(CLOSER))),
    small("fit", "fit", () => all((pane) => pane.fit())),
  );
}

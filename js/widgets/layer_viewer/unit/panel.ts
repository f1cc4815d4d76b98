/** The right column: one unit, where its answer comes from, and what happens without it. */

import { iconButton } from "../../../shared/ui/controls.ts";
import { h, setText } from "../../../shared/ui/dom.ts";
import { formatValue } from "../../../shared/format.ts";
import { react } from "../../../shared/lifetime.ts";
import type { Context } from "../context.ts";
import { formula } from "./formula.ts";
import { layerTitle } from "../network.ts";
import { reach } from "./reach.ts";
import { unitMaps } from "./maps.ts";

export function unitPanel(context: Context): HTMLElement {
  const { t, lifetime, network, selection } = context;
  const { place, explained } = selection;
  const title = h("h4");
  const kind = h("span", { class: "dl-label" });
  const value = h("output", { class: "dl-answer" });
  const close = iconButton(
    context,
    "close",
    t("layer_viewer.let_go"),
    t("layer_viewer.tip_let_go"),
    () => selection.choose(null),
  );
  close.classList.add("dl-small");
  const head = h(
    "div",
    { class: "dl-unit-head" },
    h("div", { class: "dl-unit-name" }, title, kind),
    value,
    close,
  );
  const body = h(
    "div",
    { class: "dl-unit-body" },
    head,
    h(
      "div",
      {
        class: "dl-unit-scroll",
        tabindex: 0,
        role: "group",
        "aria-label": t("layer_viewer.formula"),
      },
      unitMaps(context),
      formula(context),
    ),
    reach(context),
  );
  const hint = h("p", { class: "dl-unit-hint" }, t("layer_viewer.choose_unit"));
  react(lifetime, () => {
    const chosen = place.value;
    body.hidden = chosen === null;
    hint.hidden = chosen !== null;
    const layer = chosen === null ? undefined : network.value?.layers[chosen.layer];
    if (chosen === null || layer === undefined) return;
    const [unit, ...position] = chosen.at;
    setText(title, t("layer_viewer.unit_title", { layer: layerTitle(layer), unit: unit ?? 0 }));
    setText(kind, position.length === 0 ? layer.kind : `${layer.kind} (${position.join(", ")})`);
  });
  react(lifetime, () => {
    const found = explained.value;
    setText(value, found === null ? "…" : formatValue(found.answer));
  });
  return h("section", { class: "dl-unit", "aria-label": t("layer_viewer.unit") }, hint, body);
}

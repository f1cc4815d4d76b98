/** What a unit sees of the input, and what becomes of the answer when it is scaled or taken out. */

import { h, listen, setAttribute, setText } from "../../../shared/ui/dom.ts";
import { react } from "../../../shared/lifetime.ts";
import { SingleFlight } from "../../../shared/kernel/single_flight.ts";
import type { Context } from "../context.ts";

export function reach(context: Context): HTMLElement {
  const { t, tips, view, selection, sight, rpc, complain, lifetime } = context;
  const seen = h("span", { class: "dl-label" });
  const toggle = h("input", { type: "checkbox" });
  const check = h("label", { class: "dl-check" }, toggle, t("layer_viewer.effective"));
  listen(toggle, "change", lifetime, () => (sight.value = toggle.checked ? "effective" : "box"));
  tips.describe(toggle, t("layer_viewer.effective"), t("layer_viewer.tip_effective"));
  react(lifetime, () => {
    const field = selection.field.value;
    toggle.disabled = field?.effective == null;
    if (field === null) {
      setText(seen, "…");
      return;
    }
    const size = field.box.map(([low, high]) => high - low).join("×");
    const key = field.box.length === 0 ? "sees_all" : field.exact ? "sees" : "sees_perhaps";
    setText(seen, t(`layer_viewer.${key}`, { size }));
  });

  const id = `${view}-factor`;
  const input = h("input", { id, type: "range", min: 0, max: 2, step: 0.05, value: 1 });
  const value = h("output", { for: id }, "×1");
  const label = h("label", { for: id }, t("layer_viewer.strength"));
  const out = h("button", { type: "button", class: "dl-button" }, t("layer_viewer.take_out"));
  const scaling = new SingleFlight<number>(async (factor) => {
    const place = selection.place.peek();
    if (place === null) return;
    try {
      await rpc.request("unit.scale", { layer: place.layer, unit: place.at[0] ?? 0, factor });
    } catch (error) {
      complain(error);
    }
  });
  let touched = false;
  listen(input, "input", lifetime, () => {
    touched = true;
    setText(value, `×${input.valueAsNumber}`);
  });
  // Each change is one that can be undone, so the slider speaks when it is let go.
  listen(input, "change", lifetime, () => {
    touched = false;
    scaling.want(input.valueAsNumber);
  });
  listen(out, "click", lifetime, () => {
    scaling.want((selection.explained.peek()?.factor ?? 1) === 0 ? 1 : 0);
  });
  react(lifetime, () => {
    const factor = selection.explained.value?.factor ?? 1;
    setText(out, t(factor === 0 ? "layer_viewer.put_back" : "layer_viewer.take_out"));
    setAttribute(out, "aria-pressed", String(factor === 0));
    if (touched) return;
    input.value = String(factor);
    setText(value, `×${Number(factor.toFixed(2))}`);
  });
  tips.describe(input, t("layer_viewer.strength"), t("layer_viewer.tip_strength"));
  return h(
    "div",
    { class: "dl-reach" },
    h("div", { class: "dl-sight" }, seen, check),
    h("div", { class: "dl-strength" }, label, input, value, out),
  );
}

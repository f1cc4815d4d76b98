/** The card of a unit: its formula with the actual numbers, its bias and weights to be changed. */

import { iconButton } from "../../../shared/ui/controls.ts";
import { h, listen, setText } from "../../../shared/ui/dom.ts";
import { react, within } from "../../../shared/lifetime.ts";
import type { Context } from "../context.ts";
import { formatField } from "../../../shared/format.ts";
import { activationLabel, formula } from "./formula.ts";
import { inputNames, unitExists, unitName, unitParameters } from "./naming.ts";
import { type Picture, setParameter } from "./picture.ts";
import { type NumberField, numberField } from "../../../shared/ui/number_field.ts";
import type { Unit } from "./selection.ts";

export function unitCard(context: Context, picture: Picture): HTMLElement {
  const { t, selection, lifetime } = context;
  const title = h("h4");
  const formulaText = h("p", { class: "dl-formula" });
  const fields = h("div", { class: "dl-card-fields" });
  const close = iconButton(context, "close", t("view.close"), t("view.tip_close"), () =>
    closeCard(),
  );
  const card = h(
    "div",
    { class: "dl-card", role: "group", "aria-label": t("playground.unit_card"), hidden: true },
    h("div", { class: "dl-card-head" }, title, close),
    formulaText,
    fields,
  );

  let content = within(lifetime);
  react(lifetime, () => {
    const unit = selection.pinned.value;
    const shape = picture.shape.value;
    content.abort();
    content = within(lifetime);
    card.hidden = unit === null || !unitExists(shape, unit);
    if (unit === null || card.hidden) return;
    setText(title, unitName(t, shape, unit));
    const inputs = [t("playground.bias"), ...inputNames(shape, unit.layer)];
    const { bias, weights } = unitParameters(shape, unit);
    const indices = [bias, ...weights];
    const numbers = indices.map((index, i) =>
      numberField(
        context,
        content.signal,
        i === 0 ? inputs[0]! : t("playground.weight_of", { input: inputs[i]! }),
        `${context.view}-parameter-${index}`,
        (value) => setParameter(context, picture, index, value),
      ),
    );
    fields.replaceChildren(...numbers.map(({ element }) => element));
    react(content.signal, () => show(unit, indices, numbers, inputs.slice(1)));
  });

  function show(
    unit: Unit,
    indices: readonly number[],
    numbers: readonly NumberField[],
    inputs: readonly string[],
  ): void {
    const frame = picture.frame.value;
    if (frame === null) return;
    const values = indices.map((index) => frame.parameters[index]!);
    const isOutput = unit.layer === frame.hidden.length;
    const [bias = 0, ...weights] = values;
    const right = formula(isOutput ? frame.output : frame.activation, bias, weights, inputs);
    const left = isOutput ? t("playground.output").toLowerCase() : activationLabel(unit.unit);
    setText(formulaText, `${left} = ${right}`);
    numbers.forEach(({ show: showNumber }, i) => showNumber(formatField(values[i]!)));
  }

  function closeCard(): void {
    const unit = selection.pinned.peek();
    selection.pinned.value = null;
    if (unit === null) return;
    const key = `${unit.layer}.${unit.unit}`;
    card.parentElement?.querySelector<HTMLElement>(`[data-unit="${key}"]`)?.focus();
  }

  listen(card, "keydown", lifetime, (event) => {
    if (event.key === "Escape") closeCard();
  });
  return card;
}

/** More or fewer hidden layers, more or fewer neurons in each. */

import { iconButton } from "../../../shared/ui/controls.ts";
import { h, listen, setText } from "../../../shared/ui/dom.ts";
import { react, within } from "../../../shared/lifetime.ts";
import type { Context } from "../context.ts";
import { icon } from "../../../shared/ui/icons.ts";
import type { Picture } from "./picture.ts";

/** A new layer has as many neurons as the original gives it. */
const NEW_LAYER = 2;
/** Narrower columns have their buttons one above the other. */
const NARROW = 56;

export function layerCount(context: Context, { shape }: Picture): HTMLElement {
  const { t, choices, settings, lifetime } = context;
  const [fewest, most] = choices.layers;
  const hidden = () => settings.hidden.shown.peek();
  const title = h("h3");
  const fewer = iconButton(
    context,
    "minus",
    t("playground.remove_layer"),
    t("playground.tip_remove_layer"),
    () => settings.hidden.set(hidden().slice(0, -1)),
  );
  const more = iconButton(
    context,
    "plus",
    t("playground.add_layer"),
    t("playground.tip_add_layer"),
    () => settings.hidden.set([...hidden(), NEW_LAYER]),
  );
  react(lifetime, () => {
    const count = shape.value.hidden.length;
    setText(title, t(count === 1 ? "playground.layers_one" : "playground.layers_many", { count }));
    setDisabled(fewer, count <= fewest);
    setDisabled(more, count >= most);
  });
  return h("div", { class: "dl-layer-count", "data-setting": "hidden" }, fewer, title, more);
}

export function neuronSteppers(context: Context, { shape, layout }: Picture): HTMLElement {
  const { t, choices, settings, lifetime } = context;
  const [fewest, most] = choices.neurons;
  const row = h("div", { class: "dl-steppers" });
  const steppers: { element: HTMLElement; show: (count: number) => void; end: () => void }[] = [];

  const change = (layer: number, by: number) => {
    const hidden = [...settings.hidden.shown.peek()];
    const count = hidden[layer];
    if (count === undefined) return;
    hidden[layer] = count + by;
    settings.hidden.set(hidden);
  };

  function add(layer: number): void {
    const ended = within(lifetime);
    const button = (name: "minus" | "plus", key: string, by: number) => {
      const label = t(`playground.${key}`, { layer: layer + 1 });
      const element = h(
        "button",
        { type: "button", class: "dl-icon-button dl-small", "aria-label": label },
        icon(name),
      );
      listen(element, "click", ended.signal, () => change(layer, by));
      context.tips.explain(element, () => ({ name: label, text: t("playground.tip_neurons") }));
      return element;
    };
    const fewer = button("minus", "remove_neuron", -1);
    const more = button("plus", "add_neuron", 1);
    const text = h("span", { class: "dl-neuron-count" });
    const element = h("div", { class: "dl-stepper", "data-layer": layer }, fewer, more, text);
    row.append(element);
    steppers.push({
      element,
      show: (count) => {
        setText(
          text,
          t(count === 1 ? "playground.neurons_one" : "playground.neurons_many", { count }),
        );
        setDisabled(fewer, count <= fewest);
        setDisabled(more, count >= most);
      },
      end: () => ended.abort(),
    });
  }

  react(lifetime, () => {
    const { hidden } = shape.value;
    const { columns, pitch } = layout.value;
    while (steppers.length < hidden.length) add(steppers.length);
    while (steppers.length > hidden.length) {
      const last = steppers.pop()!;
      last.end();
      last.element.remove();
    }
    row.classList.toggle("dl-tight", pitch < NARROW);
    hidden.forEach((count, layer) => {
      steppers[layer]!.show(count);
      steppers[layer]!.element.style.left = `${columns[layer] ?? 0}px`;
    });
  });
  return row;
}

/** Not `disabled`: that would take the focus from someone who steps with the keyboard. */
function setDisabled(button: HTMLButtonElement, disabled: boolean): void {
  button.setAttribute("aria-disabled", String(disabled));
}

/** How the kernel is laid over the image, and how the output is shown. */

import { menu } from "../../../shared/ui/controls.ts";
import { h, listen, setText } from "../../../shared/ui/dom.ts";
import { icon } from "../../../shared/ui/icons.ts";
import { react } from "../../../shared/lifetime.ts";
import { numberField } from "../../../shared/ui/number_field.ts";
import type { Context } from "../context.ts";
import { formatFloat } from "./numbers.ts";
import { isScene } from "../scene/scene.ts";
import type { SettingName, SettingValues } from "../settings.ts";

const AMOUNTS: readonly SettingValues["padding"][] = ["same", 0, 1, 2, 3, 4, 5, 6, 8, 10];
const ZOOMS = [1, 2, 4, 8, 16, 32];

export function options(context: Context): HTMLElement {
  const { t, choices, stage, lifetime } = context;
  const named =
    <K extends "channels" | "padding_mode" | "display">(name: K) =>
    (value: SettingValues[K]) =>
      t(`kernel_explorer.${name}_${value}`);
  const numbers = ([low, high]: readonly number[]) =>
    Array.from({ length: high! - low! + 1 }, (_, i) => low! + i);
  const control = <K extends SettingName>(name: K) => ({
    name,
    label: t(`kernel_explorer.${name}`),
    tip: t(`kernel_explorer.tip_${name}`),
    setting: context.settings[name],
  });
  const channels = menu(context, control("channels"), choices.channels, named("channels"));
  react(lifetime, () => {
    const found = stage.scene.value;
    const alone = found !== null && found.image.channels === 1;
    channels.querySelector("select")!.disabled = alone;
  });
  return h(
    "div",
    { class: "dl-options" },
    channels,
    menu(context, control("display"), choices.display, named("display")),
    menu(context, control("padding_mode"), choices.padding_mode, named("padding_mode")),
    menu(context, control("padding"), AMOUNTS, (value) =>
      value === "same" || value === 0 ? t(`kernel_explorer.padding_${value}`) : String(value),
    ),
    menu(context, control("stride"), numbers(choices.stride), String),
    menu(context, control("dilation"), numbers(choices.dilation), String),
    biasField(context),
    zoomStepper(context),
  );
}

function biasField(context: Context): HTMLElement {
  const { t, tips, view, settings, lifetime } = context;
  const label = t("kernel_explorer.bias");
  const { element, input, show } = numberField(context, lifetime, label, `${view}-bias`, (value) =>
    settings.bias.set(Math.fround(value)),
  );
  input.dataset["setting"] = "bias";
  element.classList.add("dl-stacked");
  react(lifetime, () => show(formatFloat(Math.fround(settings.bias.shown.value))));
  tips.describe(input, label, t("kernel_explorer.tip_bias"));
  return element;
}

function zoomStepper({ t, tips, stage, lifetime }: Context): HTMLElement {
  const text = h("output", { class: "dl-size" });
  const button = (name: "minus" | "plus", by: number) => {
    const label = t(by > 0 ? "kernel_explorer.closer" : "kernel_explorer.farther");
    const element = h(
      "button",
      { type: "button", class: "dl-icon-button dl-small", "aria-label": label },
      icon(name),
    );
    const next = () => ZOOMS[ZOOMS.indexOf(stage.zoom.value) + by];
    listen(element, "click", lifetime, () => {
      // What is looked at stays in view.
      stage.pinned.value = stage.place.peek();
      stage.zoom.value = next() ?? stage.zoom.peek();
    });
    tips.describe(element, label, t("kernel_explorer.tip_zoom"));
    react(lifetime, () => element.setAttribute("aria-disabled", String(next() === undefined)));
    return element;
  };
  react(lifetime, () => setText(text, `${stage.zoom.value}×`));
  react(lifetime, () => {
    // A small image has few pixels to come close to.
    const found = stage.scene.value;
    const side = isScene(found) ? Math.max(found.padded.height, found.padded.width) : Infinity;
    const most = ZOOMS.filter((zoom) => zoom === 1 || side / zoom >= 4).at(-1)!;
    if (stage.zoom.value > most) stage.zoom.value = most;
  });
  return h(
    "div",
    { class: "dl-field", role: "group", "aria-label": t("kernel_explorer.zoom") },
    h("span", { class: "dl-label" }, t("kernel_explorer.zoom")),
    h(
      "div",
      { class: "dl-stepper", "data-setting": "zoom" },
      button("minus", -1),
      text,
      button("plus", 1),
    ),
  );
}

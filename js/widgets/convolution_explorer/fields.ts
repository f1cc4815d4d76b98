/** The settings: a case of the guide, the kind of layer, and every number of it. */

import { h, listen } from "../../shared/ui/dom.ts";
import { react } from "../../shared/lifetime.ts";
import { layerAxes } from "./arithmetic/axis.ts";
import {
  isPool,
  KINDS,
  ordered,
  PADDING_MODES,
  type Settings,
  type Sizes,
  takes,
} from "./arithmetic/settings.ts";
import type { Context } from "./context.ts";
import { stepper } from "./stage/stepper.ts";

const SIZES = ["input_size", "kernel_size", "stride", "padding", "dilation"] as const;
const FLAGS = ["bias", "ceil_mode", "count_include_pad"] as const;

export function fields(context: Context): HTMLElement {
  return h("div", { class: "dl-fields" }, choiceRow(context), numberRow(context));
}

function choiceRow(context: Context): HTMLElement {
  const { t, wanted, change } = context;
  const word = (name: string) => t(`convolution_explorer.${name}`);
  return h(
    "div",
    { class: "dl-choices" },
    presetMenu(context),
    menu(
      context,
      "kind",
      KINDS,
      () => wanted.value.kind,
      (kind) => change({ kind }),
      () => true,
    ),
    menu(
      context,
      "dims",
      ["1", "2"],
      () => String(wanted.value.input_size.length),
      (dims) => change({ input_size: dims === "1" ? [12] : [5, 5] }),
      () => true,
    ),
    menu(
      context,
      "padding_word",
      ["number", "valid", "same", "causal"],
      () => (typeof wanted.value.padding === "string" ? wanted.value.padding : "number"),
      (choice) =>
        change({
          padding: choice === "number" ? paddingNumbers(wanted.peek()) : choice,
        }),
      (choice) =>
        choice === "number" ||
        (wanted.value.kind === "conv" &&
          (choice !== "causal" || wanted.value.input_size.length === 1)),
    ),
    menu(
      context,
      "padding_mode",
      PADDING_MODES,
      () => wanted.value.padding_mode,
      (padding_mode) => change({ padding_mode }),
      (mode) => mode === "zeros" || takes(wanted.value, "padding_mode"),
    ),
    h(
      "div",
      { class: "dl-flags" },
      ...FLAGS.map((name) => flag(context, name)),
      ownValues(context),
    ),
    h("span", { class: "dl-spoken" }, word("settings")),
  );
}

function numberRow(context: Context): HTMLElement {
  const { wanted, change } = context;
  const size = (field: (typeof SIZES)[number] | "output_padding") =>
    stepper(context, {
      field,
      value: () => {
        const settings = wanted.value;
        if (!takes(settings, field)) return null;
        return field === "padding" ? paddingNumbers(settings) : settings[field];
      },
      set: (sizes) => {
        const dims = wanted.peek().input_size.length;
        const all = sizes.length === 1 ? Array.from({ length: dims }, () => sizes[0]!) : sizes;
        // Input sizes say how many dimensions there are; of the others a pair in one is a slip.
        change({ [field]: all.slice(0, dims) });
      },
    });
  const count = (field: "in_channels" | "out_channels" | "groups" | "layers") =>
    stepper(context, {
      field,
      value: () => (takes(wanted.value, field) ? [wanted.value[field]] : null),
      set: ([value]) => change({ [field]: value! }),
    });
  const growing = h("div", {}, size("output_padding"));
  const stack = h("div", {}, count("layers"));
  // One place for two fields that no layer has both of.
  react(context.lifetime, () => {
    const layers = takes(wanted.value, "layers");
    growing.hidden = layers;
    stack.hidden = !layers;
  });
  return h(
    "div",
    { class: "dl-numbers" },
    ...SIZES.map(size),
    growing,
    stack,
    count("in_channels"),
    count("out_channels"),
    count("groups"),
  );
}

/** What a word for padding comes to, as numbers. */
function paddingNumbers(settings: Settings): Sizes {
  if (typeof settings.padding !== "string") return settings.padding;
  return layerAxes({ ...settings, layers: 1 })[0]!.map(({ before }) => before);
}

function presetMenu(context: Context): HTMLElement {
  const { t, view, lifetime, tips, presets, wanted, showPreset, looks } = context;
  const id = `${view}-preset`;
  const own = h("option", { value: "" }, t("convolution_explorer.preset_own"));
  const select = h("select", { id, "data-setting": "preset" }, own);
  const names = new Map<string, Settings>();
  for (const [group, cases] of Object.entries(presets)) {
    const options = Object.entries(cases).map(([name, settings]) => {
      names.set(name, settings);
      return h("option", { value: name }, t(`convolution_explorer.preset_${name}`));
    });
    select.append(h("optgroup", { label: t(`convolution_explorer.group_${group}`) }, ...options));
  }
  const keys = new Map([...names].map(([name, settings]) => [ordered(settings), name]));
  react(lifetime, () => {
    const now = ordered(wanted.value);
    const chosen = names.get(select.value);
    // Two cases of the guide have the same numbers: the one that was chosen stays.
    if (chosen !== undefined && ordered(chosen) === now && !looks.own_values.shown.value) return;
    select.value = looks.own_values.shown.value ? "" : (keys.get(now) ?? "");
  });
  listen(select, "change", lifetime, () => {
    const settings = names.get(select.value);
    if (settings !== undefined) showPreset(settings);
  });
  const label = t("convolution_explorer.preset");
  tips.describe(select, label, t("convolution_explorer.tip_preset"));
  return h("div", { class: "dl-field dl-preset" }, h("label", { for: id }, label), select);
}

function menu<T extends string>(
  { t, view, lifetime, tips }: Context,
  name: string,
  choices: readonly T[],
  value: () => string,
  set: (value: T) => void,
  possible: (value: T) => boolean,
): HTMLElement {
  const id = `${view}-${name}`;
  const options = choices.map((choice) =>
    h("option", { value: choice }, t(`convolution_explorer.${name}_${choice}`)),
  );
  const select = h("select", { id, "data-setting": name }, ...options);
  react(lifetime, () => {
    options.forEach((option, place) => (option.disabled = !possible(choices[place]!)));
    select.value = value();
  });
  listen(select, "change", lifetime, () => set(select.value as T));
  const label = t(`convolution_explorer.${name}`);
  tips.describe(select, label, t(`convolution_explorer.tip_${name}`));
  return h("div", { class: "dl-field" }, h("label", { for: id }, label), select);
}

function flag(context: Context, field: (typeof FLAGS)[number]): HTMLElement {
  const { t, lifetime, tips, wanted, change } = context;
  const input = h("input", { type: "checkbox", "data-setting": field });
  const label = t(`convolution_explorer.${field}`);
  const element = h("label", { class: "dl-check" }, input, label);
  react(lifetime, () => {
    element.hidden = !takes(wanted.value, field);
    input.checked = wanted.value[field];
  });
  listen(input, "change", lifetime, () => change({ [field]: input.checked }));
  tips.describe(input, label, t(`convolution_explorer.tip_${field}`));
  return element;
}

/** Whether the numbers are those that were given in Python. */
function ownValues({ t, lifetime, tips, looks, hasOwn, wanted }: Context): HTMLElement {
  const input = h("input", { type: "checkbox", "data-setting": "own_values" });
  const label = t("convolution_explorer.own_values");
  const element = h("label", { class: "dl-check" }, input, label);
  react(lifetime, () => {
    element.hidden = !hasOwn.value || isPool(wanted.value);
    input.checked = looks.own_values.shown.value;
  });
  listen(input, "change", lifetime, () => looks.own_values.set(input.checked));
  tips.describe(input, label, t("convolution_explorer.tip_own_values"));
  return element;
}

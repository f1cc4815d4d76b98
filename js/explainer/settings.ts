/** The controls that change an explainer's settings, made from the schema that Python sends. */

import { computed } from "@preact/signals-core";

import { checkBox, type Control, menu, slider } from "../shared/ui/controls.ts";
import { h, listen } from "../shared/ui/dom.ts";
import { formatRate, formatValue } from "../shared/format.ts";
import { react } from "../shared/lifetime.ts";
import { numberField } from "../shared/ui/number_field.ts";
import type { Panel } from "../shared/ui/sheet.ts";
import type { ExplainerView } from "./view.ts";

/** A setting as `Setting.describe` tells it in `dl_lab/widgets/base/traits.py`. */
export interface SettingSchema {
  readonly name: string;
  readonly kind: string;
  /** Null is the row of settings, "drawn" where its author puts it; else behind "Advanced". */
  readonly group: string | null;
  readonly low?: number;
  readonly high?: number;
  /** Null asks for a field instead of a slider. */
  readonly step?: number | null;
  readonly whole?: boolean;
  /** Whether its slider goes by powers of ten; where `low` is 0, six of them and 0 at the end. */
  readonly log?: boolean;
  readonly optional?: boolean;
  readonly allowed?: readonly (string | null)[];
}

/** As many as one takes in at a glance; the rest stands behind "Advanced". */
const IN_SIGHT = 5;

type View = ExplainerView<never>;

export function settingRow<Frame>(
  view: ExplainerView<Frame>,
  schema: readonly SettingSchema[],
): HTMLElement | null {
  const shown = schema.filter(({ group }) => group === null).slice(0, IN_SIGHT);
  const controls = shown.flatMap((setting) => control(view as unknown as View, setting) ?? []);
  return controls.length === 0 ? null : h("div", { class: "dl-settings" }, ...controls);
}

export function advancedPanel<Frame>(
  view: ExplainerView<Frame>,
  schema: readonly SettingSchema[],
): Panel | null {
  const { t, has } = view;
  const beyond = schema.filter(({ group }) => group === null).slice(IN_SIGHT);
  const groups = new Map<string, HTMLElement[]>();
  for (const setting of schema) {
    const group = beyond.includes(setting) ? "advanced" : setting.group;
    const made =
      group === null || group === "drawn" ? null : control(view as unknown as View, setting);
    if (group !== null && made !== null) groups.set(group, [...(groups.get(group) ?? []), made]);
  }
  if (groups.size === 0) return null;
  const parts = [...groups].flatMap(([group, controls]) => [
    ...(has(`group_${group}`) ? [h("h4", {}, t(`group_${group}`))] : []),
    ...controls,
  ]);
  return {
    key: "advanced",
    label: t("view.advanced"),
    tip: t("view.tip_advanced"),
    icon: "tune",
    labelled: true,
    content: h("div", { class: "dl-advanced" }, ...parts),
  };
}

/** The control of a setting that its author places: one of the group "drawn". */
export function settingControl<Frame>(view: ExplainerView<Frame>, name: string): HTMLElement {
  const schema = view.trait<readonly SettingSchema[]>("schema").peek();
  const setting = schema.find((one) => one.name === name);
  const made = setting === undefined ? null : control(view as unknown as View, setting);
  if (made === null) throw new Error(`There is no control for ${name}.`);
  return made;
}

/** The control of a setting; null for kinds that an author draws. */
function control(view: View, setting: SettingSchema): HTMLElement | null {
  const { name, kind } = setting;
  switch (kind) {
    case "flag":
      return checkBox(view, about<boolean>(view, name));
    case "choice":
      return menu(view, about<string | null>(view, name), setting.allowed ?? [], (value) =>
        wordOf(view, name, value),
      );
    case "choices":
      return choiceBoxes(view, name, (setting.allowed ?? []) as readonly string[]);
    case "number":
      if (setting.log === true) return logSlider(view, setting);
      return setting.step == null || setting.optional === true
        ? field(view, name)
        : numberSlider(view, setting);
    default:
      return null;
  }
}

function about<T>(view: View, name: string): Control<T> {
  const { t, setting } = view;
  return { name, label: t(name), tip: t(`tip_${name}`), setting: setting<T>(name) };
}

function wordOf({ t, has }: View, name: string, value: string | null): string {
  const key = `${name}_${value ?? "none"}`;
  return has(key) ? t(key) : (value ?? "–");
}

function numberSlider(view: View, { name, low, high, step, whole }: SettingSchema): HTMLElement {
  return slider(view, about<number>(view, name), [low ?? 0, high ?? 1, step ?? 1], (value) =>
    whole === true ? String(value) : formatValue(value),
  );
}

/** Places on a slider that goes by powers of ten. */
const PLACES = 100;
const POWERS = 6;

function logSlider(view: View, { name, low = 0, high = 1, whole }: SettingSchema): HTMLElement {
  const { setting, ...named } = about<number>(view, name);
  const least = low > 0 ? low : high / 10 ** POWERS;
  const powers = Math.log10(high / least);
  const valueAt = (place: number) =>
    place <= 0 ? low : Math.min(high, least * 10 ** ((place / PLACES) * powers));
  const placeOf = (value: number) =>
    value <= least ? 0 : (PLACES * Math.log10(value / least)) / powers;
  const round = (value: number) =>
    whole === true ? Math.round(value) : Number(value.toPrecision(2));
  const control: Control<number> = {
    ...named,
    setting: {
      shown: computed(() => placeOf(setting.shown.value)),
      set: (place) => setting.set(Math.max(low, Math.min(high, round(valueAt(place))))),
    },
  };
  return slider(view, control, [0, PLACES, 1], (place) =>
    whole === true ? String(Math.round(valueAt(place))) : formatRate(valueAt(place)),
  );
}

function field(view: View, name: string): HTMLElement {
  const { label, tip, setting } = about<number | null>(view, name);
  const { element, input, show } = numberField(
    view,
    view.lifetime,
    label,
    `${view.view}-${name}`,
    (value) => setting.set(value),
  );
  input.dataset["setting"] = name;
  react(view.lifetime, () => show(String(setting.shown.value ?? "")));
  view.tips.describe(input, label, tip);
  return element;
}

/** A box for each of several that may be chosen; Python refuses that none is. */
function choiceBoxes(view: View, name: string, allowed: readonly string[]): HTMLElement {
  const { label, tip, setting } = about<readonly string[]>(view, name);
  const boxes = allowed.map((value) => {
    const input = h("input", { type: "checkbox", "data-setting": name, "data-value": value });
    react(view.lifetime, () => {
      input.checked = setting.shown.value.includes(value);
    });
    listen(input, "change", view.lifetime, () => {
      const chosen = new Set(setting.shown.peek());
      if (input.checked) chosen.add(value);
      else chosen.delete(value);
      setting.set(allowed.filter((one) => chosen.has(one)));
    });
    return h("label", { class: "dl-check" }, input, wordOf(view, name, value));
  });
  const element = h("div", { class: "dl-checks", role: "group", "aria-label": label }, ...boxes);
  view.tips.describe(element, label, tip);
  return h("div", { class: "dl-field" }, h("span", { class: "dl-label" }, label), element);
}

/** The line "try this": settings that each show one surprise, and what it is. */

import { computed } from "@preact/signals-core";

import { react } from "../shared/lifetime.ts";
import { h, listen, setAttribute, setText } from "../shared/ui/dom.ts";
import type { SettingSchema } from "./settings.ts";
import type { ExplainerView } from "./view.ts";

type Settings = Readonly<Record<string, unknown>>;

export function presetLine<Frame>(
  view: ExplainerView<Frame>,
  schema: readonly SettingSchema[],
): HTMLElement | null {
  const { t, trait, setting, command, lifetime, tips } = view;
  const presets = trait<Readonly<Record<string, Settings>> | undefined>("presets").peek() ?? {};
  const names = Object.keys(presets);
  if (names.length === 0) return null;
  // What is being asked for counts: a button that was pressed goes up as soon as a slider moves.
  const settings = schema.map(({ name }) => [name, setting<unknown>(name).shown] as const);
  const now = computed(() => JSON.stringify(settings.map(([name, shown]) => [name, shown.value])));
  const wanted = names.map((name) => {
    return JSON.stringify(settings.map(([key]) => [key, presets[name]![key]]));
  });
  const buttons = names.map((name, i) => {
    const button = h(
      "button",
      { type: "button", class: "dl-toggle", "data-preset": name },
      t(`try_${name}`),
    );
    listen(button, "click", lifetime, () => command("preset.use", { name }));
    react(lifetime, () => setAttribute(button, "aria-pressed", String(now.value === wanted[i])));
    tips.describe(button, t(`try_${name}`), t(`tip_try_${name}`));
    return button;
  });
  const surprise = h("span", { class: "dl-label dl-surprise", role: "status" });
  react(lifetime, () => {
    const used = names[wanted.indexOf(now.value)];
    setText(surprise, used === undefined ? "" : t(`tip_try_${used}`));
  });
  const label = h("span", { class: "dl-label" }, t("view.try"));
  return h("div", { class: "dl-presets" }, label, ...buttons, surprise);
}

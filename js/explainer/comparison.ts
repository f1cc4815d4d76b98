/** What is drawn beside the first: a menu to add to it, and a button each to take it away. */

import { react } from "../shared/lifetime.ts";
import { h, listen } from "../shared/ui/dom.ts";
import type { SettingSchema } from "./settings.ts";
import type { ExplainerView } from "./view.ts";

/**
 * @param name of a setting of the kind "chosen". Beside its own words there are `add` and `remove`
 * with the parameter `name`.
 * @param taken what the menu need not offer, for it is drawn already.
 */
export function comparison<Frame>(
  { t, setting, trait, lifetime, tips, view }: ExplainerView<Frame>,
  name: string,
  taken: () => readonly string[],
): HTMLElement {
  const compared = setting<readonly string[]>(name);
  const schema = trait<readonly SettingSchema[]>("schema").peek();
  const allowed = schema.find((one) => one.name === name)?.allowed ?? [];
  const select = h("select", { id: `${view}-${name}`, "data-setting": name });
  const chips = h("div", { class: "dl-chips" });
  react(lifetime, () => {
    const there = new Set<string | null>([...taken(), ...compared.shown.value]);
    const left = allowed.filter((one) => !there.has(one));
    select.replaceChildren(
      h("option", { value: "" }, t("add")),
      ...left.map((one) => h("option", { value: one }, one)),
    );
  });
  listen(select, "change", lifetime, () => {
    if (select.value !== "") compared.set([...compared.shown.peek(), select.value]);
    select.selectedIndex = 0;
  });
  tips.describe(select, t(name), t(`tip_${name}`));
  react(lifetime, () => {
    const place = [...chips.children].indexOf(document.activeElement!);
    chips.replaceChildren(
      ...compared.shown.value.map((one) => {
        const label = t("remove", { name: one });
        const attributes = { type: "button", class: "dl-toggle", "aria-label": label };
        return h("button", { ...attributes, "data-name": one }, `${one} ×`);
      }),
    );
    // Who has taken one away by keys goes on with the next.
    if (place >= 0) ((chips.children[place] ?? select) as HTMLElement).focus();
  });
  listen(chips, "click", lifetime, ({ target }) => {
    const gone = target instanceof HTMLElement ? target.dataset["name"] : undefined;
    if (gone !== undefined) compared.set(compared.shown.peek().filter((one) => one !== gone));
  });
  return h(
    "div",
    { class: "dl-comparison" },
    h("label", { for: `${view}-${name}` }, t(name)),
    select,
    chips,
  );
}

/** A formula, with the numbers that hold now put in. */

import { mathml } from "../shared/ui/mathml.ts";
import { formatRate } from "../shared/format.ts";
import { react } from "../shared/lifetime.ts";
import { h, setAttribute } from "../shared/ui/dom.ts";
import { followSize } from "../shared/ui/size.ts";
import type { ExplainerView } from "./view.ts";

export interface FormulaOptions {
  /** What it is the formula of, for a screen reader. */
  readonly label: string;
  /** TeX as `shared/ui/mathml.ts` reads it, a line each; it runs again when a signal that it reads changes. */
  readonly source: () => readonly string[];
  /** What stands for `\val{name}`; numbers are written short. */
  readonly values?: () => Readonly<Record<string, number | string>>;
}

export function formula<Frame>(
  { lifetime }: ExplainerView<Frame>,
  { label, source, values }: FormulaOptions,
): HTMLElement {
  const root = h("div", { class: "dl-formula", role: "group", "aria-label": label });
  const size = followSize(root, { width: 800, height: 40 }, lifetime);
  react(lifetime, () => {
    const texts = Object.entries(values?.() ?? {}).map(([name, value]) => [
      name,
      typeof value === "number" ? formatRate(value) : value,
    ]);
    const shown = Object.fromEntries(texts) as Record<string, string>;
    root.replaceChildren(...source().map((line) => h("div", {}, mathml(line, shown))));
    // What scrolls has to be reached by keys.
    const scrolls = root.scrollWidth > size.value.width;
    setAttribute(root, "tabindex", scrolls ? 0 : null);
  });
  return root;
}

/** A field for one number or a pair, such as 3 or 3×2, with a button to either side. */

import { h, listen, setAttribute, setText } from "../../../shared/ui/dom.ts";
import { icon } from "../../../shared/ui/icons.ts";
import { react } from "../../../shared/lifetime.ts";
import type { Field, Sizes } from "../arithmetic/settings.ts";
import type { Context } from "../context.ts";

export interface StepperOptions {
  readonly field: Field;
  /** What it holds; null where this kind of layer does not have it. */
  readonly value: () => Sizes | null;
  readonly set: (value: Sizes) => void;
}

/** 3 × 2 as numbers; null for what is none. */
export function parseSizes(text: string): Sizes | null {
  const parts = text.trim().split(/\s*[x×,;*]\s*|\s+/i);
  if (parts.length > 2 || parts.some((part) => !/^[-−]?\d+(\.\d+)?$/.test(part))) return null;
  return parts.map((part) => Number(part.replace("−", "-")));
}

export function sizesText(sizes: Sizes): string {
  return sizes.every((size) => size === sizes[0]) ? String(sizes[0]) : sizes.join("×");
}

export function stepper(context: Context, { field, value, set }: StepperOptions): HTMLElement {
  const { t, view, lifetime, tips, refused, warn } = context;
  const id = `${view}-${field}`;
  const label = h("label", { for: id });
  const input = h("input", {
    id,
    type: "text",
    inputmode: "text",
    autocomplete: "off",
    "data-field": field,
  });
  const button = (name: "minus" | "plus", by: number) => {
    const made = h("button", { type: "button", class: "dl-step" }, icon(name));
    listen(made, "click", lifetime, () => add(by));
    return made;
  };
  const less = button("minus", -1);
  const more = button("plus", 1);
  const element = h("div", { class: "dl-stepper" }, label, h("div", {}, less, input, more));

  const add = (by: number) => {
    const sizes = value();
    if (sizes !== null) set(sizes.map((size) => size + by));
  };
  const name = t(`convolution_explorer.${field}`);
  setText(label, name);
  less.setAttribute("aria-label", t("convolution_explorer.less", { name }));
  more.setAttribute("aria-label", t("convolution_explorer.more", { name }));
  tips.describe(input, name, t(`convolution_explorer.tip_${field}`));

  const show = () => {
    const sizes = value();
    input.value = sizes === null ? "–" : sizesText(sizes);
  };
  react(lifetime, () => {
    const absent = value() === null;
    // Not taken away: nothing else moves when the kind of layer changes.
    for (const part of [input, less, more]) part.disabled = absent;
    element.toggleAttribute("data-absent", absent);
    const wrong = refused.value?.fields.includes(field) === true;
    setAttribute(input, "aria-invalid", wrong ? "true" : null);
    show();
  });
  const commit = () => {
    if (input.value === sizesText(value() ?? [])) return;
    const sizes = parseSizes(input.value);
    if (sizes === null) {
      const kept = sizesText(value() ?? []);
      warn(t("view.not_a_number", { given: input.value, label: name, kept }));
      show();
    } else set(sizes);
  };
  listen(input, "change", lifetime, commit);
  listen(input, "focus", lifetime, () => input.select());
  listen(input, "keydown", lifetime, (event) => {
    if (event.key === "Enter") commit();
    const by = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    add(by);
  });
  return element;
}

/** A field for an exact number. What is not a number gets a sentence, and the value stays. */

import { h, listen } from "./dom.ts";
import { parseNumber } from "../format.ts";
import type { Ui } from "./host.ts";

export interface NumberField {
  readonly element: HTMLElement;
  readonly input: HTMLInputElement;
  /** Show a value, unless someone is about to type another: that would undo the selection. */
  readonly show: (text: string) => void;
}

export function numberField(
  { t, warn }: Ui,
  lifetime: AbortSignal,
  label: string,
  id: string,
  set: (value: number) => void,
): NumberField {
  const input = h("input", { id, type: "text", inputmode: "decimal", autocomplete: "off" });
  let kept = "";
  let typing = false;

  const commit = () => {
    if (!typing) return;
    typing = false;
    if (input.value === kept) return;
    const value = parseNumber(input.value);
    if (value === null) {
      warn(t("view.not_a_number", { given: input.value, label, kept }));
      input.value = kept;
    } else {
      set(value);
    }
  };

  listen(input, "input", lifetime, () => (typing = true));
  listen(input, "change", lifetime, commit);
  listen(input, "blur", lifetime, () => {
    commit();
    input.value = kept;
  });
  listen(input, "focus", lifetime, () => input.select());
  listen(input, "keydown", lifetime, (event) => {
    if (event.key === "Enter") commit();
    if (event.key === "Escape" && typing) {
      typing = false;
      input.value = kept;
      event.stopPropagation();
    }
  });
  return {
    element: h("div", { class: "dl-number" }, h("label", { for: id }, label), input),
    input,
    show: (text) => {
      kept = text;
      if (input !== document.activeElement && input.value !== text) input.value = text;
    },
  };
}

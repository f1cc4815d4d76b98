/** What went wrong, as a sentence that one can dismiss, over the view so that nothing moves. */

import { h, listen, setText } from "./dom.ts";
import type { Translate } from "../i18n.ts";
import { icon } from "./icons.ts";

export interface WayOn {
  readonly label: string;
  readonly act: () => void;
}

export class Notices {
  readonly element: HTMLElement;
  readonly #text = h("span", { class: "dl-notice-text" });
  readonly #action = h("button", { type: "button", class: "dl-button", hidden: true });
  #act: () => void = () => undefined;

  constructor(t: Translate, lifetime: AbortSignal) {
    const close = h(
      "button",
      { type: "button", class: "dl-icon-button", "aria-label": t("view.dismiss") },
      icon("close"),
    );
    this.element = h(
      "div",
      { class: "dl-notice", role: "alert", hidden: true },
      icon("warning"),
      this.#text,
      this.#action,
      close,
    );
    listen(close, "click", lifetime, () => this.clear());
    listen(this.#action, "click", lifetime, () => {
      this.clear();
      this.#act();
    });
  }

  show(sentence: string, wayOn?: WayOn): void {
    setText(this.#text, sentence);
    this.#action.hidden = wayOn === undefined;
    if (wayOn !== undefined) {
      setText(this.#action, wayOn.label);
      this.#act = wayOn.act;
    }
    this.element.hidden = false;
  }

  clear(): void {
    this.element.hidden = true;
    setText(this.#text, "");
  }
}

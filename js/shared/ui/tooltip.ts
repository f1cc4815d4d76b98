/** One tooltip for a whole view: the name of what is under the pointer or focus, and what it means. */

import { h, listen, setText } from "./dom.ts";
import { onEnd } from "../lifetime.ts";

export interface Tip {
  readonly name: string;
  readonly text: string;
}

const DELAY_MS = 400;
const GAP = 6;

export class Tooltips {
  readonly #root: HTMLElement;
  readonly #prefix: string;
  readonly #tips = new WeakMap<Element, () => Tip>();
  readonly #descriptions = h("div", { hidden: true });
  readonly #name = h("strong");
  readonly #text = h("span");
  readonly #bubble = h(
    "div",
    { class: "dl-tooltip", role: "tooltip", hidden: true },
    this.#name,
    this.#text,
  );
  #count = 0;
  #timer: ReturnType<typeof setTimeout> | null = null;
  /** What the pointer or the focus is on. */
  #near: Element | null = null;

  /** @param prefix makes the ids of this view's descriptions unique on the page. */
  constructor(root: HTMLElement, prefix: string, lifetime: AbortSignal) {
    this.#root = root;
    this.#prefix = prefix;
    root.append(this.#descriptions, this.#bubble);
    listen(root, "pointerover", lifetime, (event) => {
      if (event.pointerType !== "touch") this.#approach(event.target, DELAY_MS);
    });
    listen(root, "pointerout", lifetime, ({ relatedTarget }) => {
      // From one part of an element to another is not out of it.
      if (!(relatedTarget instanceof Node && this.#near?.contains(relatedTarget))) this.hide();
    });
    // Who presses knows what it is, until the pointer comes again.
    listen(root, "pointerdown", lifetime, () => this.#conceal());
    listen(root, "focusin", lifetime, (event) => {
      if (event.target instanceof Element && event.target.matches(":focus-visible")) {
        this.#approach(event.target, 0);
      }
    });
    listen(root, "focusout", lifetime, () => this.hide());
    listen(root, "input", lifetime, () => this.#conceal());
    listen(root, "keydown", lifetime, (event) => {
      if (event.key === "Escape") this.hide();
    });
    onEnd(lifetime, () => this.hide());
  }

  /** Say what an element is, to those who see and to those who listen. */
  describe(element: Element, name: string, text: string): void {
    const id = `${this.#prefix}-tip-${++this.#count}`;
    this.#descriptions.append(h("span", { id }, text));
    element.setAttribute("aria-describedby", id);
    this.#tips.set(element, () => ({ name, text }));
  }

  /** The same, for what is not known before one asks; the element's own label says it too. */
  explain(element: Element, tip: () => Tip): void {
    this.#tips.set(element, tip);
  }

  hide(): void {
    this.#conceal();
    this.#near = null;
  }

  #conceal(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#bubble.hidden = true;
  }

  #approach(target: EventTarget | null, delay: number): void {
    let element = target instanceof Element ? target : null;
    while (element !== null && element !== this.#root && !this.#tips.has(element)) {
      element = element.parentElement;
    }
    const tip = element === null ? undefined : this.#tips.get(element);
    if (element === null || tip === undefined) return;
    if (element === this.#near) return;
    this.hide();
    this.#near = element;
    const anchor = element;
    this.#timer = setTimeout(() => this.#show(anchor, tip()), delay);
  }

  #show(anchor: Element, { name, text }: Tip): void {
    this.#timer = null;
    if (!anchor.isConnected) return;
    setText(this.#name, name);
    setText(this.#text, text);
    this.#bubble.hidden = false;
    const room = this.#root.getBoundingClientRect();
    const at = anchor.getBoundingClientRect();
    const size = this.#bubble.getBoundingClientRect();
    const middle = at.left + at.width / 2 - room.left - size.width / 2;
    const left = Math.max(4, Math.min(middle, room.width - size.width - 4));
    const below = at.bottom - room.top + GAP;
    const above = at.top - room.top - size.height - GAP;
    const top = below + size.height > room.height && above >= 0 ? above : below;
    this.#bubble.style.left = `${left}px`;
    this.#bubble.style.top = `${top}px`;
  }
}

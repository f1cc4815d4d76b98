/** A panel that opens over the view: code, help, advanced settings. One is open at a time. */

import { signal } from "@preact/signals-core";

import { h, listen } from "../../shared/dom.ts";
import { react } from "../../shared/lifetime.ts";
import type { Context } from "./context.ts";
import { icon, type IconName } from "./icons.ts";

export interface Panel {
  readonly key: "advanced" | "code" | "help";
  readonly icon: IconName;
  readonly content: HTMLElement;
  /** Told when the panel opens. */
  readonly opened?: () => void;
}

export interface Sheet {
  /** The buttons that open the panels, in the order of these. */
  readonly buttons: readonly HTMLButtonElement[];
  readonly element: HTMLElement;
}

export function sheet(context: Context, panels: readonly Panel[]): Sheet {
  const { t, tips, lifetime, view } = context;
  const open = signal<Panel | null>(null);
  const id = `${view}-sheet`;
  const title = h("h3");
  const close = h(
    "button",
    { type: "button", class: "dl-icon-button", "aria-label": t("playground.close") },
    icon("close"),
  );
  const body = h("div", { class: "dl-sheet-body", tabindex: 0, role: "group" });
  const element = h(
    "div",
    { class: "dl-sheet", id, role: "dialog", hidden: true },
    h("div", { class: "dl-sheet-head" }, title, close),
    body,
  );

  const buttons = panels.map((panel) => {
    const label = t(`playground.${panel.key}`);
    const button = h(
      "button",
      { type: "button", class: "dl-icon-button", "aria-label": label, "aria-controls": id },
      icon(panel.icon),
    );
    if (panel.key === "advanced") button.append(h("span", {}, label));
    listen(button, "click", lifetime, () => {
      open.value = open.value === panel ? null : panel;
    });
    tips.describe(button, label, t(`playground.tip_${panel.key}`));
    return button;
  });

  react(lifetime, () => {
    const panel = open.value;
    element.hidden = panel === null;
    buttons.forEach((button, i) => {
      button.setAttribute("aria-expanded", String(panels[i] === panel));
    });
    if (panel === null) return;
    title.textContent = t(`playground.${panel.key}`);
    element.setAttribute("aria-label", title.textContent);
    body.setAttribute("aria-label", title.textContent);
    element.dataset["panel"] = panel.key;
    body.replaceChildren(panel.content);
    body.scrollTop = 0;
    close.focus({ preventScroll: true });
    panel.opened?.();
  });

  const shut = () => {
    const index = panels.findIndex((panel) => panel === open.peek());
    open.value = null;
    buttons[index]?.focus();
  };
  listen(close, "click", lifetime, shut);
  listen(element, "keydown", lifetime, (event) => {
    if (event.key === "Escape") shut();
  });
  return { buttons, element };
}

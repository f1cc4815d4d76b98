/** A panel that opens over the view: code, help, advanced settings. One is open at a time. */

import { signal } from "@preact/signals-core";

import { h, listen } from "./dom.ts";
import { react } from "../lifetime.ts";
import { icon, type IconName } from "./icons.ts";
import type { Ui } from "./host.ts";

export interface Panel {
  /** Names the panel to style sheets. */
  readonly key: string;
  readonly label: string;
  /** What its button does, in one sentence. */
  readonly tip: string;
  readonly icon: IconName;
  /** Whether the button shows the label beside its icon. */
  readonly labelled?: boolean;
  readonly content: HTMLElement;
  /** Told when the panel opens. */
  readonly opened?: () => void;
}

export interface Sheet {
  /** The buttons that open the panels, in the order of these. */
  readonly buttons: readonly HTMLButtonElement[];
  readonly element: HTMLElement;
}

export function sheet(ui: Ui, panels: readonly Panel[]): Sheet {
  const { t, tips, lifetime, view } = ui;
  const open = signal<Panel | null>(null);
  const id = `${view}-sheet`;
  const title = h("h3");
  const close = h(
    "button",
    { type: "button", class: "dl-icon-button", "aria-label": t("view.close") },
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
    const { label } = panel;
    const button = h(
      "button",
      { type: "button", class: "dl-icon-button", "aria-label": label, "aria-controls": id },
      icon(panel.icon),
    );
    if (panel.labelled === true) button.append(h("span", {}, label));
    listen(button, "click", lifetime, () => {
      open.value = open.value === panel ? null : panel;
    });
    tips.describe(button, label, panel.tip);
    return button;
  });

  react(lifetime, () => {
    const panel = open.value;
    element.hidden = panel === null;
    buttons.forEach((button, i) => {
      button.setAttribute("aria-expanded", String(panels[i] === panel));
    });
    if (panel === null) return;
    title.textContent = panel.label;
    element.setAttribute("aria-label", panel.label);
    body.setAttribute("aria-label", panel.label);
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

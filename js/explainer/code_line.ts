/** A line of PyTorch that changes with the settings, to copy. */

import { react } from "../shared/lifetime.ts";
import { copyButton } from "../shared/ui/copy_button.ts";
import { h, setText } from "../shared/ui/dom.ts";
import type { ExplainerView } from "./view.ts";

/** @param text null where there is none, as for a function of one's own. */
export function codeLine<Frame>(
  view: ExplainerView<Frame>,
  text: () => string | null,
): HTMLElement {
  const { t, lifetime } = view;
  const code = h("code");
  const words = { copy: t("view.copy"), copied: t("view.copied"), selected: t("view.selected") };
  const element = h("div", { class: "dl-code-line" }, code, copyButton(view, words, code));
  react(lifetime, () => {
    const line = text();
    element.hidden = line === null;
    setText(code, line ?? "");
  });
  return element;
}

/** A button that copies text, and says so for a moment. */

import { h, listen, setText } from "./dom.ts";
import { icon } from "./icons.ts";
import { onEnd } from "../lifetime.ts";
import type { Ui } from "./host.ts";

const COPIED_MS = 1500;

export interface CopyWords {
  readonly copy: string;
  readonly copied: string;
  /** Said where the text could only be selected. */
  readonly selected: string;
}

/**
 * @param element what is selected where the page has no clipboard, for the keyboard to copy.
 * @param text what to copy; by default the element's text.
 */
export function copyButton(
  { lifetime }: Ui,
  words: CopyWords,
  element: HTMLElement,
  text: () => string = () => element.textContent,
): HTMLButtonElement {
  const label = h("span", {}, words.copy);
  const button = h("button", { type: "button", class: "dl-button" }, icon("copy"), label);
  let timer: ReturnType<typeof setTimeout> | null = null;
  const stop = () => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
  };
  const say = (word: string) => {
    stop();
    setText(label, word);
    timer = setTimeout(() => setText(label, words.copy), COPIED_MS);
  };
  onEnd(lifetime, stop);
  listen(button, "click", lifetime, () => {
    copyText(text()).then(
      () => say(words.copied),
      () => {
        getSelection()?.selectAllChildren(element);
        say(words.selected);
      },
    );
  });
  return button;
}

/** Pages that are not served securely have no clipboard. */
async function copyText(text: string): Promise<void> {
  const clipboard = navigator.clipboard as Clipboard | undefined;
  if (clipboard === undefined) throw new Error("There is no clipboard.");
  await clipboard.writeText(text);
}

/** Files that are dropped on an element. */

import { listen } from "./dom.ts";

/** Take the first file of each drop; the element has `data-drop` while one is over it. */
export function takeDrops(
  element: HTMLElement,
  lifetime: AbortSignal,
  take: (file: File) => void,
): void {
  const over = (event: DragEvent, here: boolean) => {
    // JupyterLab would open the file, or move the cell.
    event.preventDefault();
    event.stopPropagation();
    element.toggleAttribute("data-drop", here);
  };
  listen(element, "dragover", lifetime, (event) => over(event, true));
  listen(element, "dragleave", lifetime, (event) => over(event, false));
  listen(element, "drop", lifetime, (event) => {
    over(event, false);
    const file = event.dataTransfer?.files[0];
    if (file !== undefined) take(file);
  });
}

/** Colours of the host's theme, for canvases: CSS takes them from the same variables by itself. */

import { signal, type ReadonlySignal } from "@preact/signals-core";

import { h, setAttribute } from "./dom.ts";
import { onEnd } from "../lifetime.ts";

export interface Theme {
  readonly dark: boolean;
  readonly background: string;
  readonly text: string;
  readonly muted: string;
  readonly line: string;
}

/**
 * The theme that `element` stands in, followed until the lifetime ends.
 *
 * Sets `data-theme` on the element, which gives the fallbacks of hosts without `--jp-*` variables,
 * and `data-own-colors` where the host's are not its own: ipywidgets 7 brings a light set along into
 * every page, a dark one too.
 */
export function followTheme(element: HTMLElement, lifetime: AbortSignal): ReadonlySignal<Theme> {
  const named = h("span", { class: "dl-host-color", hidden: true });
  element.append(named);
  const theme = signal(readTheme(element, named));
  const read = () => {
    const now = readTheme(element, named);
    if (JSON.stringify(now) !== JSON.stringify(theme.value)) theme.value = now;
  };
  // JupyterLab names its theme on the body, VS Code and Colab on the body or the root.
  const observer = new MutationObserver(read);
  const options = { attributes: true, attributeFilter: ["class", "style", "theme"] };
  observer.observe(document.documentElement, options);
  observer.observe(document.body, {
    attributes: true,
    attributeFilter: [...options.attributeFilter, "data-jp-theme-name", "data-jp-theme-light"],
  });
  // A view is drawn before it is put on the page, where it has no style yet.
  const placed = new ResizeObserver(read);
  placed.observe(element);
  onEnd(lifetime, () => {
    observer.disconnect();
    placed.disconnect();
  });
  return theme;
}

function readTheme(element: HTMLElement, named: HTMLElement): Theme {
  // JupyterLab says it itself.
  const light = document.body.dataset["jpThemeLight"];
  const dark = light === undefined ? standsInTheDark(element) : light === "false";
  const differs = light === undefined && isDark(named) === !dark;
  setAttribute(element, "data-theme", dark ? "dark" : "light");
  setAttribute(element, "data-own-colors", differs);
  const style = getComputedStyle(element);
  const read = (name: string, fallback: string) => style.getPropertyValue(name).trim() || fallback;
  return {
    dark,
    background: read("--dl-background", dark ? "#111" : "#fff"),
    text: read("--dl-text", dark ? "#fff" : "#222"),
    muted: read("--dl-muted", dark ? "#bbb" : "#616161"),
    line: read("--dl-line", dark ? "#444" : "#ddd"),
  };
}

function standsInTheDark(element: HTMLElement): boolean {
  for (let node: HTMLElement | null = element.parentElement; node; node = node.parentElement) {
    const dark = isDark(node);
    if (dark !== null) return dark;
  }
  return false;
}

/** Whether an element's own background is dark; null where it has none. */
function isDark(element: HTMLElement): boolean | null {
  const channels = getComputedStyle(element).backgroundColor.match(/[\d.]+/g) ?? [];
  const [red, green, blue, alpha = 1] = channels.map(Number);
  if (red === undefined || green === undefined || blue === undefined || alpha === 0) return null;
  return 0.299 * red + 0.587 * green + 0.114 * blue < 128;
}

/** Colours of the host's theme, for canvases: CSS takes them from the same variables by itself. */

import { signal, type ReadonlySignal } from "@preact/signals-core";

import { onEnd } from "./lifetime.ts";

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
 * Sets `data-theme` on the element, which gives the fallbacks of hosts without `--jp-*` variables.
 */
export function followTheme(element: HTMLElement, lifetime: AbortSignal): ReadonlySignal<Theme> {
  const theme = signal(readTheme(element));
  const read = () => {
    const now = readTheme(element);
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

function readTheme(element: HTMLElement): Theme {
  const dark = isDark(element);
  element.dataset["theme"] = dark ? "dark" : "light";
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

function isDark(element: HTMLElement): boolean {
  const light = document.body.dataset["jpThemeLight"];
  if (light !== undefined) return light === "false";
  for (let node: HTMLElement | null = element.parentElement; node; node = node.parentElement) {
    const [red, green, blue, alpha = 1] = channels(getComputedStyle(node).backgroundColor);
    if (red === undefined || green === undefined || blue === undefined || alpha === 0) continue;
    return 0.299 * red + 0.587 * green + 0.114 * blue < 128;
  }
  return false;
}

function channels(color: string): number[] {
  return (color.match(/[\d.]+/g) ?? []).map(Number);
}

/** A place for one view, as every widget's test has: before each test a new one, after it nothing. */

import { afterEach, beforeEach, vi } from "vitest";

import type { widget } from "../view.ts";
import { fakeCanvas } from "./canvas.ts";
import type { FakeModel } from "./model.ts";
import { type Census, takeCensus } from "./observers.ts";

/** Where the view is mounted. */
export let host: HTMLElement;
/** Its lifetime. */
export let view: AbortController;
/** What it has left behind. */
export let census: Census;

/** Give each test of a file a host, fake timers and a canvas. */
export function hostViews(): void {
  beforeEach(() => {
    // Node takes more than ten listeners on a lifetime for a leak; the census counts the real ones.
    vi.spyOn(process, "emitWarning").mockReturnValue();
    vi.useFakeTimers();
    fakeCanvas();
    census = takeCensus();
    view = new AbortController();
    host = document.createElement("div");
    document.body.append(host);
  });
  afterEach(() => {
    view.abort();
    host.remove();
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });
}

/** How a host says that a view is over: by its signal, or by calling what `render` gave back. */
export const ENDS = ["its signal", "what render returned"] as const;
export type End = (typeof ENDS)[number];

/** Have a widget show a model in the host; `view` ends it. */
export function render(shown: ReturnType<typeof widget>, model: FakeModel, end: End = ENDS[0]) {
  const props = { model: model as never, el: host };
  if (end === "its signal") shown.render({ ...props, signal: view.signal });
  else view.signal.addEventListener("abort", shown.render(props));
}

/** The first element of a selector within the host. */
export function find(selector: string): HTMLElement;
export function find<T extends Element>(selector: string, kind: new () => T): T;
export function find(selector: string, kind: new () => Element = HTMLElement): Element {
  const element = host.querySelector(selector);
  if (!(element instanceof kind)) throw new Error(`There is no ${selector}.`);
  return element;
}

/** The view of `dl_lab.Playground`. */

import type { RenderProps } from "@anywidget/types";
import { untracked } from "@preact/signals-core";

import { pageLanguage } from "../shared/i18n.ts";
import { react, within } from "../shared/lifetime.ts";
import { type Model, trait } from "../shared/model.ts";
import { mountView } from "./playground/view.ts";
import "./playground/playground.css";

function render({ model, el, signal }: RenderProps): () => void {
  const view = within(signal);
  const language = trait<string | null>(model as Model, "language", view.signal);
  let mounted = within(view.signal);
  react(view.signal, () => {
    const spoken = language.value ?? pageLanguage();
    mounted.abort();
    mounted = within(view.signal);
    const { signal: lifetime } = mounted;
    untracked(() => mountView(model as Model, el, spoken, lifetime));
  });
  return () => view.abort();
}

export default { render };

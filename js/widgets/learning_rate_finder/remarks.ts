/** What there is to say about the test: why it ended early, why it suggests nothing, what to do. */

import type { ReadonlySignal } from "@preact/signals-core";

import { h, setText } from "../../shared/dom.ts";
import { react } from "../../shared/lifetime.ts";
import type { Context } from "./context.ts";

export function remarks(context: Context, message: ReadonlySignal<unknown>): HTMLElement {
  const { t, test, sentence, lifetime } = context;
  const hint = h("p", { class: "dl-hint" }, t("learning_rate_finder.hint"));
  const reason = h("p", { class: "dl-reason" });
  const stopped = h("p", { class: "dl-stopped" });
  react(lifetime, () => {
    const why = message.value ?? null;
    setText(reason, why === null ? "" : sentence(why));
    reason.hidden = why === null;
  });
  react(lifetime, () => {
    const why = test.value?.stopped ?? null;
    setText(stopped, why === null ? "" : sentence(why));
    stopped.hidden = why === null;
  });
  react(lifetime, () => {
    hint.hidden = (test.value?.rates.length ?? 0) === 0;
  });
  return h("div", { class: "dl-remarks" }, reason, hint, stopped);
}

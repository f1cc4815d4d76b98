/** One view of a learning rate finder. */

import { computed, signal } from "@preact/signals-core";

import { setAttribute } from "../../shared/dom.ts";
import { react } from "../../shared/lifetime.ts";
import { type Model, trait } from "../../shared/model.ts";
import { Optimistic } from "../../shared/optimistic.ts";
import { sheet } from "../../shared/sheet.ts";
import { hidePicture } from "../../shared/static_picture.ts";
import { createView } from "../../shared/view.ts";
import type { Context } from "./context.ts";
import { header } from "./header.ts";
import { helpPanel } from "./help_panel.ts";
import { legend } from "./legend.ts";
import { plot } from "./plot.ts";
import { type RangeTest, readRangeTest } from "./range_test.ts";
import { remarks } from "./remarks.ts";
import { WORDS } from "./words.ts";

export function mountView(
  model: Model,
  host: HTMLElement,
  language: string,
  lifetime: AbortSignal,
): void {
  const test = signal<RangeTest | null>(null);
  const marker = signal<string | null>(null);
  const view = createView<never>(model, host, language, lifetime, {
    name: "learning_rate_finder",
    words: WORDS,
    welcome: (reply) => {
      test.value = readRangeTest(reply);
      if (typeof reply.meta["picture"] === "string") marker.value = reply.meta["picture"];
    },
  });
  const chosen = new Optimistic<number | null>(
    trait<number | null>(model, "chosen", lifetime),
    lifetime,
    (value) => view.rpc.request("rate.use", { value }),
    view.complain,
  );
  const context: Context = {
    ...view,
    test,
    chosen,
    inUse: computed(() => chosen.shown.value ?? test.value?.current ?? null),
    cursor: signal<number | null>(null),
  };
  const { buttons, element } = sheet(context, [helpPanel(context)]);
  view.controls.append(
    header(context, buttons),
    legend(context),
    plot(context),
    remarks(context, trait(model, "message", lifetime)),
    element,
  );
  react(lifetime, () => setAttribute(view.root, "data-points", test.value?.rates.length ?? 0));
  react(lifetime, () => setAttribute(view.root, "data-rate", context.inUse.value));
  const state = trait<string>(model, "state", lifetime);
  react(lifetime, () => {
    const busy = chosen.pending.value || state.value === "busy";
    setAttribute(view.root, "aria-busy", String(busy));
  });
  hidePicture(view, () => marker.value);
  view.standing(() => null);
  view.open();
}

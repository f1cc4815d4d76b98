/** The last column: losses and their history, and the large heat map with the points. */

import { signal } from "@preact/signals-core";

import { swatch } from "../../../draw/legend.ts";
import { lossLook } from "../../../draw/looks.ts";
import { h, listen, setText } from "../../../shared/ui/dom.ts";
import { react } from "../../../shared/lifetime.ts";
import type { Context } from "../context.ts";
import { checkBox } from "../controls.ts";
import { largeMap } from "./large_map.ts";
import { legend } from "./legend.ts";
import { lossChart, type Reading } from "./loss_chart.ts";
import { formatCount, formatLoss } from "../../../shared/format.ts";
import { targetName } from "../network/naming.ts";

export function outputPanel(context: Context): HTMLElement {
  const { t, settings, session, selection, lifetime } = context;
  const reading = signal<Reading | null>(null);
  const logarithmic = signal(false);
  const title = h("h3");
  react(lifetime, () => {
    const frame = session.frame.value;
    const shape = frame ?? {
      features: settings.features.shown.value,
      hidden: settings.hidden.shown.value,
    };
    setText(title, targetName(t, shape, selection.enlarged.value));
  });
  const log = h(
    "button",
    { type: "button", class: "dl-toggle", "aria-pressed": "false" },
    t("playground.logarithmic"),
  );
  listen(log, "click", lifetime, () => (logarithmic.value = !logarithmic.value));
  react(lifetime, () => log.setAttribute("aria-pressed", String(logarithmic.value)));
  context.tips.describe(log, t("playground.logarithmic_name"), t("playground.tip_logarithmic"));
  return h(
    "div",
    { class: "dl-output", role: "group", "aria-label": t("playground.output") },
    h(
      "div",
      { class: "dl-losses" },
      loss(context, "train", reading),
      loss(context, "test", reading),
      log,
    ),
    h(
      "div",
      { class: "dl-history" },
      lossChart(context, logarithmic, reading),
      epochRead(context, reading),
    ),
    title,
    largeMap(context),
    legend(context),
    h(
      "div",
      { class: "dl-checks" },
      checkBox(context, "show_test"),
      checkBox(context, "discretize"),
    ),
  );
}

type Kind = "train" | "test";

function loss(
  { t, session, theme, lifetime, tips }: Context,
  kind: Kind,
  reading: { readonly value: Reading | null },
): HTMLElement {
  const value = h("span", { class: "dl-loss-value", "data-loss": kind });
  react(lifetime, () => {
    const frame = session.frame.value;
    const now = kind === "train" ? frame?.trainLoss : frame?.testLoss;
    const shown = reading.value === null ? now : reading.value[kind];
    setText(value, shown === undefined ? "–" : formatLoss(shown));
  });
  const line = h("span", { class: "dl-line" });
  react(lifetime, () => {
    const look = lossLook(kind === "train" ? "train" : "validation", theme.value.dark);
    line.replaceChildren(swatch({ ...look, marker: null }));
  });
  const name = t(`playground.loss_${kind}`);
  const short = t(`playground.${kind}`);
  const element = h(
    "div",
    { class: "dl-loss" },
    line,
    h("span", { class: "dl-label" }, short),
    value,
  );
  tips.describe(element, name, t(`playground.tip_loss_${kind}`));
  return element;
}

/** The epoch that the pointer reads on the chart. */
function epochRead(
  { t, lifetime }: Context,
  reading: { readonly value: Reading | null },
): HTMLElement {
  const element = h("span", { class: "dl-reading" });
  const separator = t("view.group_separator");
  react(lifetime, () => {
    const epoch = reading.value?.epoch;
    const shown = epoch === undefined ? "" : formatCount(epoch, separator);
    setText(element, shown && t("playground.at_epoch", { epoch: shown }));
  });
  return element;
}

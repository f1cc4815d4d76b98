/** Which curve is which, what it says last and best; a press takes it away or brings it back. */

import { type ReadonlySignal, computed } from "@preact/signals-core";

import { swatch } from "../../../draw/legend.ts";
import { h, listen, setAttribute, setText } from "../../../shared/ui/dom.ts";
import { formatCount, formatField, formatValue } from "../../../shared/format.ts";
import { icon } from "../../../shared/ui/icons.ts";
import { react, track, within } from "../../../shared/lifetime.ts";
import { numberField } from "../../../shared/ui/number_field.ts";
import { setLearningRate } from "../header/actions.ts";
import type { Context, Hidden, Line } from "../context.ts";
import { inOrder, seriesLabel } from "./series.ts";
import { bestLines, type SeriesStatus } from "../header/status.ts";

export function legend(context: Context): HTMLElement {
  const { lifetime, lines, runs, t, theme } = context;
  const many = runs.length > 1;
  const element = h("div", {
    class: many ? "dl-legend dl-table" : "dl-legend",
    role: "group",
    "aria-label": t("loss_plot.legend"),
  });
  const shape = computed(() =>
    JSON.stringify([lines.value.map(({ run, series }) => [run, series.name]), theme.value.dark]),
  );
  let content = within(lifetime);
  react(lifetime, () => {
    track(shape);
    content.abort();
    content = within(lifetime);
    const parts = many
      ? table(context, content.signal)
      : lines.peek().map((line) => chip(context, line, content.signal, true));
    element.replaceChildren(...parts);
  });
  return element;
}

/** Rows are runs, columns are series. */
function table(context: Context, lifetime: AbortSignal): HTMLElement[] {
  const { lines, runs, t } = context;
  const all = lines.peek();
  // The learning rates have fields of their own.
  const columns = all.map(({ series }) => series).filter(({ group }) => group !== "rate");
  const names = [...new Set(columns.sort(inOrder).map(({ name }) => name))];
  const rows = runs.map((_, run) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, runButton(context, run, lifetime)),
      h("td", { class: "dl-run-status" }, runStatus(context, run, lifetime)),
      h("td", {}, rateField(context, run, lifetime)),
      ...names.map((name) => {
        const line = all.find((entry) => entry.run === run && entry.series.name === name);
        return h("td", {}, line === undefined ? null : chip(context, line, lifetime, false));
      }),
    ),
  );
  const head = h(
    "tr",
    {},
    h("th", { scope: "col" }, t("loss_plot.run")),
    h("th", { scope: "col" }, t("loss_plot.status")),
    h("th", { scope: "col" }, t("loss_plot.learning_rate")),
    ...names.map((name) => h("th", { scope: "col" }, columnButton(context, name, lifetime))),
  );
  return [h("table", {}, h("thead", {}, head), h("tbody", {}, ...rows))];
}

/** One series of one run. */
function chip(
  context: Context,
  { run, series, look }: Line,
  lifetime: AbortSignal,
  named: boolean,
): HTMLElement {
  const { t, runs, isHidden, tips, lines } = context;
  const name = seriesLabel(t, series.name);
  const last = h("span", { class: "dl-chip-last" });
  const best = h("span", { class: "dl-chip-best" });
  const button = h(
    "button",
    { type: "button", class: "dl-chip", "data-run": run, "data-series": series.name },
    named ? swatch(look) : null,
    named ? h("span", { class: "dl-chip-name" }, name) : null,
    last,
    best,
  );
  if (!named) setAttribute(button, "aria-label", `${runs[run]!.name}, ${name}`);
  const now = seriesNow(context, run, series.name);
  react(lifetime, () => {
    const { last: value, best: reached } = now.value ?? series;
    setText(last, value === null ? "–" : formatValue(value));
    best.hidden = reached === null;
    if (reached === null) return;
    if (best.childElementCount === 0) best.append(icon("star"), h("span"));
    setText(best.lastElementChild!, formatValue(reached.value));
  });
  // Among several the star is for the one that did best of all.
  react(lifetime, () => {
    const won = bestLines(lines.value.filter((line) => line.series.name === series.name))[0];
    button.classList.toggle("dl-won", named || won?.run === run);
  });
  followHidden(context, button, lifetime, () => isHidden(run, series.name), [[run, series.name]]);
  tips.explain(button, () => ({ name, text: bestText(context, now.peek()) }));
  return button;
}

function bestText({ t }: Context, series: SeriesStatus | null): string {
  const best = series?.best ?? null;
  const toggles = t("loss_plot.tip_series");
  if (best === null) return toggles;
  const step = formatCount(best.step, t("view.group_separator"));
  return `${t("loss_plot.best_at", { value: formatValue(best.value), step })} ${toggles}`;
}

function seriesNow(
  { told }: Context,
  run: number,
  name: string,
): ReadonlySignal<SeriesStatus | null> {
  return computed(() => told.value[run]?.series.find((entry) => entry.name === name) ?? null);
}

/** A run as a whole. */
function runButton(context: Context, run: number, lifetime: AbortSignal): HTMLElement {
  const { t, runs, isHidden, lines, tips } = context;
  const { name } = runs[run]!;
  const first = lines.peek().find((line) => line.run === run);
  const button = h(
    "button",
    { type: "button", class: "dl-chip dl-run", "data-run": run },
    first === undefined ? null : swatch(first.look),
    h("span", { class: "dl-chip-name" }, name),
  );
  followHidden(context, button, lifetime, () => isHidden(run, null), [[run, null]]);
  tips.explain(button, () => ({ name, text: t("loss_plot.tip_run") }));
  return button;
}

/** A series of all runs. */
function columnButton(context: Context, name: string, lifetime: AbortSignal): HTMLElement {
  const { t, runs, lines, settings, tips } = context;
  const width = lines.peek().find(({ series }) => series.name === name)?.look.width ?? 1;
  const label = seriesLabel(t, name);
  const button = h(
    "button",
    { type: "button", class: "dl-chip dl-column", "data-series": name },
    swatch({ color: "currentColor", dash: [], width, marker: null }),
    label,
  );
  const entries = runs.map((_, run): Hidden => [run, name]);
  const off = () =>
    entries.every((entry) => settings.hidden.shown.value.some((other) => same(entry, other)));
  followHidden(context, button, lifetime, off, entries);
  tips.explain(button, () => ({ name: label, text: t("loss_plot.tip_column") }));
  return button;
}

function runStatus({ t, told, tips }: Context, run: number, lifetime: AbortSignal): HTMLElement {
  const sign = h("span", { class: "dl-state-sign", "aria-hidden": "true" });
  const text = h("span");
  const spoken = h("span", { class: "dl-spoken" });
  react(lifetime, () => {
    const now = told.value[run];
    if (now === undefined) return;
    setAttribute(sign, "data-state", now.state);
    const step = formatCount(now.step, t("view.group_separator"));
    setText(text, t("loss_plot.at_step", { step }));
    setText(spoken, t(`loss_plot.status_${now.state}`));
  });
  const element = h("span", { class: "dl-run-now" }, sign, spoken, text);
  tips.explain(element, () => ({ name: spoken.textContent, text: text.textContent }));
  return element;
}

function rateField(context: Context, run: number, lifetime: AbortSignal): HTMLElement | null {
  const { t, runs, status, view } = context;
  const { name, controls } = runs[run]!;
  if (!controls.includes("learning_rate")) return null;
  const label = `${name}, ${t("loss_plot.learning_rate")}`;
  const field = numberField(context, lifetime, label, `${view}-learning-rate-${run}`, (value) =>
    setLearningRate(context, run, value),
  );
  field.element.classList.add("dl-rate-field");
  field.input.dataset["run"] = String(run);
  react(lifetime, () => {
    const rate = status.value[run]?.learningRate ?? null;
    field.show(rate === null ? "" : formatField(rate));
  });
  return field.element;
}

/** A button that is pressed while its curves are drawn. */
function followHidden(
  { settings }: Context,
  button: HTMLElement,
  lifetime: AbortSignal,
  off: () => boolean,
  entries: readonly Hidden[],
): void {
  react(lifetime, () => setAttribute(button, "aria-pressed", String(!off())));
  listen(button, "click", lifetime, () => {
    const [run, name] = entries[0]!;
    const others = settings.hidden.shown
      .peek()
      .filter((entry) => !entries.some((own) => same(own, entry)));
    const hidden = button.getAttribute("aria-pressed") === "false";
    // A series of a run that is hidden comes back with its run.
    const rest =
      hidden && name !== null && entries.length === 1
        ? others.filter((entry) => !same(entry, [run, null]))
        : others;
    settings.hidden.set(hidden ? rest : [...rest, ...entries]);
  });
}

function same(a: Hidden, b: Hidden): boolean {
  return a[0] === b[0] && a[1] === b[1];
}

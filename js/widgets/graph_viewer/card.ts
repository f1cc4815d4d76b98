/** All that is known of the chosen item, beside the graph; of the whole model where none is. */

import { h, listen, setText } from "../../shared/ui/dom.ts";
import { react } from "../../shared/lifetime.ts";
import { formatBytes, formatValue } from "../../shared/format.ts";
import { formatMany, formatTime } from "./numbers.ts";
import type { Context } from "./context.ts";
import type { Drawn } from "./drawn.ts";
import type { Live } from "./message.ts";
import { openLayer } from "./layers.ts";
import { words } from "./looks.ts";

type Row = readonly [name: string, value: string];

export function card(context: Context): HTMLElement {
  const { t, lifetime, drawn, chosen, opened, frame, live, beside, tips } = context;
  const title = h("h4", { class: "dl-card-title" });
  const kind = h("p", { class: "dl-label" });
  const rows = h("dl", { class: "dl-facts" });
  const notes = h("div", { class: "dl-notes" });
  const code = h("code");
  const place = h("p", { class: "dl-label dl-place" });
  const source = h(
    "div",
    { class: "dl-source" },
    place,
    h("pre", { tabindex: 0, role: "group", "aria-label": t("line") }, code),
  );
  const toggle = h("button", { type: "button", class: "dl-button" });
  const layer = h("button", { type: "button", class: "dl-button dl-open-layer" }, t("open_layer"));
  const element = h(
    "div",
    { class: "dl-card", role: "group", "aria-label": t("card"), tabindex: 0 },
    title,
    kind,
    h("div", { class: "dl-card-buttons" }, toggle, layer),
    notes,
    rows,
    source,
  );
  tips.describe(toggle, t("toggle"), t("tip_toggle"));
  tips.describe(layer, t("open_layer"), t("tip_open_layer"));

  const now = () => {
    const key = chosen.shown.value;
    // In the graph that it was chosen in, else the first that has it: both show the same.
    for (const index of [beside.value, ...drawn.value.keys()]) {
      const graph = drawn.value[index];
      const item = graph?.item(key) ?? -1;
      if (graph?.isDrawn(item) === true && item >= 0) return { index, graph, item };
    }
    const [graph] = drawn.value;
    return graph === undefined ? null : { index: 0, graph, item: graph.root };
  };
  react(lifetime, () => {
    const at = now();
    if (at === null) return;
    const { graph, item, index } = at;
    const said = words(context, graph, item);
    setText(title, item === graph.root ? graph.info.name : `${said.title} ${said.badge}`.trim());
    setText(kind, whatItIs(context, graph, item));
    const opens = graph.opens(item);
    const open = opened.value[index]?.has(item) === true;
    toggle.hidden = !opens;
    setText(toggle, t(open ? "close_group" : "open_group"));
    layer.hidden = frame.value?.layers !== true || item < graph.nodes || index > 0;
    const { line } = { line: graph.line(item) };
    source.hidden = line === null;
    if (line !== null) {
      const file = line.file.split(/[/\\]/).at(-1) ?? line.file;
      setText(place, `${file}:${line.number}${line.function === "" ? "" : ` · ${line.function}`}`);
      setText(code, line.text);
    }
    notes.replaceChildren(...remarks(context, graph, item).map((text) => h("p", {}, text)));
  });
  react(lifetime, () => {
    const at = now();
    if (at === null) return;
    const { graph, item, index } = at;
    const told = drawn.value.map((one, i) => {
      const same = item === graph.root ? one.root : one.item(graph.key(item));
      return same < 0 ? null : new Map(facts(context, one, same, live.value[i] ?? null));
    });
    rows.replaceChildren(
      ...names(told, index).flatMap((name) => {
        const values = told.map((its) => its?.get(name) ?? "–");
        const differs = values.some((one) => one !== values[0]);
        const cell = h("dd", differs ? { class: "dl-differs" } : {}, values.join("  |  "));
        return [h("dt", {}, name), cell];
      }),
    );
  });
  listen(toggle, "click", lifetime, () => {
    const at = now();
    if (at !== null) context.toggle(at.index, at.item);
  });
  listen(layer, "click", lifetime, () => {
    const at = now();
    if (at === null) return;
    const module = at.graph.path(at.item);
    layer.disabled = true;
    openLayer(context, module)
      .catch(context.complain)
      .finally(() => (layer.disabled = false));
  });
  return element;
}

function whatItIs({ t }: Context, drawn: Drawn, item: number): string {
  const group = drawn.group(item);
  if (group === null) {
    const path = drawn.path(item);
    const kind = t(`kind_${drawn.kind(item)}`);
    return path === "" ? kind : t("in_module", { kind, path });
  }
  if (item === drawn.root) return t("kind_model");
  const settings = group.settings === "" ? group.label : `${group.label}(${group.settings})`;
  return `${group.path} · ${settings}`;
}

/** Sentences on what is out of the ordinary. */
function remarks(context: Context, drawn: Drawn, item: number): string[] {
  const { t } = context;
  const group = drawn.group(item);
  const said: string[] = [];
  const change = item === drawn.root ? undefined : drawn.changes.get(item);
  if (change !== undefined) said.push(t(`change_${change}`));
  if (group === null) {
    const left = drawn.info.nodes.left[item];
    if (drawn.kind(item) === "failure") said.push(context.sentence(drawn.info.failure!.sentence));
    if (left != null) said.push(t(`left_why_${left}`));
    return said;
  }
  if (item === drawn.root) {
    said.push(t("hint"));
    if (drawn.info.unused.length > 0) {
      said.push(t("unused_modules", { names: list(drawn.info.unused) }));
    }
    return said;
  }
  if (group.kind === "repeat") said.push(t("repeat_means", { count: group.count }));
  if (group.kind === "loop") said.push(t("loop_means", { count: group.count }));
  if (group.shared) said.push(t("shared_means", { names: list(group.names) }));
  if (group.unused) said.push(t("unused_means"));
  if (group.note !== "") said.push(t(`note_${group.note}`));
  return said;
}

/** A sum that lacks what is not known. */
export function atLeast(sum: number, unknown: number): string {
  return `${unknown > 0 ? "≥ " : ""}${formatMany(sum)}`;
}

function list(names: readonly string[]): string {
  const most = 6;
  const shown = names.slice(0, most).join(", ");
  return names.length > most ? `${shown} … (${names.length})` : shown;
}

/** What is known in one of the graphs, in the order of the one that is looked at. */
function names(told: readonly (ReadonlyMap<string, string> | null)[], index: number): string[] {
  const all = [told[index], ...told].flatMap((one) => [...(one?.keys() ?? [])]);
  return [...new Set(all)];
}

function facts({ t }: Context, drawn: Drawn, item: number, live: Live | null): Row[] {
  const group = drawn.group(item);
  const { nodes, failure } = drawn.info;
  const rows: Row[] = [];
  const put = (name: string, value: string | null | undefined) => {
    if (value != null && value !== "") rows.push([t(name), value]);
  };
  if (group !== null) {
    put("input_shape", group.inputs.join(", "));
    put("output_shape", group.outputs.join(", "));
    put("parameters", formatMany(group.parameters));
    put("macs", atLeast(group.macs, group.unknown));
    put("time", group.seconds === null ? null : formatTime(group.seconds));
    put("memory", formatBytes(group.bytes));
  } else if (drawn.kind(item) === "failure") {
    put("given_shapes", failure!.shapes.join(", "));
  } else if (nodes.name[item] !== undefined) {
    const operation = drawn.kind(item) === "operation";
    put("output_shape", nodes.shape[item]);
    put("dtype", nodes.dtype[item]);
    put("parameters", nodes.parameters[item]! > 0 ? formatMany(nodes.parameters[item]!) : null);
    if (operation) {
      const macs = nodes.macs[item] ?? null;
      put("macs", macs === null ? t("unknown") : formatMany(macs));
    }
    const seconds = nodes.seconds[item] ?? null;
    put("time", seconds === null ? null : formatTime(seconds));
    put("memory", nodes.bytes[item]! > 0 ? formatBytes(nodes.bytes[item]!) : null);
  }
  const node = drawn.output(item);
  if (live !== null && node >= 0) {
    const size = (value: number | undefined) =>
      value === undefined || Number.isNaN(value) ? "–" : formatValue(10 ** value);
    put("activations_now", size(live.rms[node]));
    put("gradients_now", size(live.grad[node]));
    const dead = live.dead[node];
    put(
      "dead_now",
      dead === undefined || Number.isNaN(dead) ? null : `${(100 * dead).toFixed(0)} %`,
    );
  }
  return rows;
}

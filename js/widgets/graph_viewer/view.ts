/** One view of traced graphs: what is open, chosen and looked for, and the parts that show it. */

import { batch, computed, type ReadonlySignal, signal } from "@preact/signals-core";

import type { ExplainerView } from "../../explainer/view.ts";
import { h, setAttribute, setText } from "../../shared/ui/dom.ts";
import { react } from "../../shared/lifetime.ts";
import { card } from "./card.ts";
import { isLive, type Metric, scaleOf } from "./colours.ts";
import type { Context, PaneOf } from "./context.ts";
import { Drawn } from "./drawn.ts";
import { layerPlace } from "./layers.ts";
import { legend } from "./legend.ts";
import { followLive } from "./live.ts";
import { words } from "./looks.ts";
import type { Frame } from "./message.ts";
import { opensAtFirst, pane } from "./pane.ts";
import { find } from "./search.ts";
import { toolRow } from "./tools.ts";

/** Beside the card; what a page without layout is taken to have. */
const ROOM = { width: 560, height: 400 };

const contexts = new WeakMap<object, Context>();

/** The one context of a view, which its header, panels and body share. */
export function contextOf(view: ExplainerView<Frame>): Context {
  const known = contexts.get(view.rpc);
  if (known !== undefined) return known;
  const made = createContext(view);
  contexts.set(view.rpc, made);
  return made;
}

function createContext(view: ExplainerView<Frame>): Context {
  const { t, frame, setting, theme } = view;
  const open = setting<readonly string[] | null>("opened");
  const chosen = setting<string | null>("chosen");
  const search = setting<string>("search");
  const colour = setting<Metric>("colour");
  const drawn = computed(() => (frame.value?.graphs ?? []).map((info) => new Drawn(info)));
  const atFirst: ReadonlySignal<readonly ReadonlySet<number>[]> = computed(() =>
    drawn.value.map((graph) => {
      const fits = opensAtFirst(context, graph, ROOM);
      if (graph.info.failure === null) return fits;
      // What went wrong is seen at once, however deep.
      const around = [...graph.groups.above(graph.nodes - 1)].filter((one) => one !== graph.root);
      return new Set([...fits, ...around]);
    }),
  );
  const opened = computed(() => {
    const wanted = open.shown.value;
    if (wanted === null) return atFirst.value;
    const keys = new Set(wanted);
    return drawn.value.map((graph) => {
      const items = new Set<number>();
      for (let item = graph.nodes + 1; item < graph.count; item++) {
        if (keys.has(graph.group(item)!.key)) items.add(item);
      }
      return items;
    });
  });
  const found = computed(() => drawn.value.map((graph) => find(graph, search.shown.value)));
  const live = followLive(view);
  const scales = computed(() => {
    const metric = colour.shown.value;
    // What is not live does not change with each step.
    const now = isLive(metric) ? live.value : [];
    return drawn.value.map((graph, i) =>
      scaleOf(graph, metric, leaves(graph, opened.value[i]!), now[i] ?? null, theme.value.dark),
    );
  });
  const said = signal("");
  const beside = signal(0);
  const panes: PaneOf[] = [];

  const keysOf = (items: readonly ReadonlySet<number>[]) => {
    const keys = new Set<string>();
    items.forEach((set, i) => {
      for (const item of set) keys.add(drawn.peek()[i]!.group(item)!.key);
    });
    return [...keys];
  };
  /** Open and close the same in all graphs. */
  const setOpen = (items: readonly ReadonlySet<number>[]) => open.set(keysOf(items));

  const nameOf = (graph: Drawn, item: number) => {
    const { title, detail, badge } = words(context, graph, item);
    const shape = graph.shape(item);
    const parts = [`${title} ${badge}`.trim(), detail, shape];
    return parts.filter((one) => one !== "").join(" · ");
  };
  const goTo = (index: number, item: number) => {
    const graph = drawn.peek()[index];
    if (graph === undefined || item < 0) return;
    batch(() => {
      const closed = [...graph.groups.above(item)].filter(
        (group) => group !== graph.root && !opened.peek()[index]!.has(group),
      );
      if (closed.length > 0) {
        const keys = new Set(keysOf(opened.peek()));
        for (const group of closed) keys.add(graph.group(group)!.key);
        open.set([...keys]);
      }
      beside.value = index;
      chosen.set(item === graph.root ? null : graph.key(item));
      said.value = nameOf(graph, item);
    });
    panes[index]?.reveal(item);
  };
  const toggle = (index: number, item: number) => {
    const graph = drawn.peek()[index];
    if (graph?.opens(item) !== true) return;
    const { key } = graph.group(item)!;
    const keys = new Set(keysOf(opened.peek()));
    const opens = !opened.peek()[index]!.has(item);
    if (opens) keys.add(key);
    else keys.delete(key);
    batch(() => {
      beside.value = index;
      chosen.set(graph.key(item));
      open.set([...keys]);
      said.value = t(opens ? "said_opened" : "said_closed", { name: nameOf(graph, item) });
    });
  };
  const deeper = (step: "more" | "less" | "all") => {
    setOpen(
      drawn.peek().map((graph, i) => {
        const now = opened.peek()[i]!;
        const depth = (item: number) => graph.groups.depth[item]!;
        // One level more than what is open everywhere; of what is closed inside nothing is known.
        const all = range(graph.nodes + 1, graph.count).filter((item) => graph.opens(item));
        if (step === "all") return new Set(all);
        const deepest = Math.max(0, ...[...now].map(depth));
        const complete = all.every((item) => depth(item) > deepest || now.has(item));
        const level = step === "less" ? deepest - 1 : complete ? deepest + 1 : Math.max(1, deepest);
        return new Set(all.filter((item) => depth(item) <= level));
      }),
    );
    for (const one of panes) one.begin();
  };

  const context: Context = {
    ...view,
    drawn,
    opened,
    openKeys: open,
    chosen,
    search,
    colour,
    direction: setting("direction"),
    camera: setting("cameras"),
    found,
    scales,
    live,
    beside,
    said,
    goTo,
    toggle,
    deeper,
    nameOf,
    panes,
  };
  return context;
}

/** What is shown as one box each. */
function* leaves(graph: Drawn, open: ReadonlySet<number>): Generator<number> {
  const waiting = [graph.root];
  for (const group of waiting) {
    for (const item of graph.groups.inside(group).items) {
      if (graph.groups.isGroup(item) && open.has(item)) waiting.push(item);
      else yield item;
    }
  }
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

export function draw(view: ExplainerView<Frame>): HTMLElement[] {
  const context = contextOf(view);
  const { frame, lifetime, root, said, drawn, chosen, beside, colour, found } = context;
  const graphs = h("div", { class: "dl-graphs" });
  const names: HTMLElement[] = [];
  react(lifetime, () => {
    const count = frame.value?.graphs.length ?? 0;
    // A second graph comes with the first, and both stay.
    while (names.length < count) {
      const name = h("h4", { class: "dl-graph-name" });
      names.push(name);
      graphs.append(h("div", { class: "dl-graph" }, name, pane(context, names.length - 1)));
    }
    names.forEach((name, i) => {
      setText(name, frame.value?.graphs[i]?.name ?? "");
      name.hidden = count < 2;
    });
  });
  react(lifetime, () => {
    setAttribute(root, "data-nodes", drawn.value[0]?.info.nodes.name.length ?? 0);
    setAttribute(root, "data-chosen", chosen.shown.value);
    setAttribute(root, "data-graph", beside.value);
    setAttribute(root, "data-colour", colour.shown.value);
    setAttribute(root, "data-found", found.value[0]?.items?.length ?? null);
  });
  const spoken = h("div", { class: "dl-spoken", "aria-live": "polite" });
  react(lifetime, () => setText(spoken, said.value));
  return [
    toolRow(context),
    banner(context),
    h("div", { class: "dl-body" }, graphs, card(context)),
    legend(context),
    spoken,
    layerPlace(context),
  ];
}

/** Where a forward pass ended by an error, above the graph so far. */
function banner(context: Context): HTMLElement {
  const { t, drawn, lifetime, sentence } = context;
  const text = h("span");
  const show = h("button", { type: "button", class: "dl-button" }, t("show_failure"));
  const element = h("div", { class: "dl-failure", role: "alert", hidden: true }, text, show);
  const failed = () => drawn.value.findIndex(({ info }) => info.failure !== null);
  react(lifetime, () => {
    const index = failed();
    element.hidden = index < 0;
    if (index >= 0) setText(text, sentence(drawn.value[index]!.info.failure!.sentence));
  });
  show.addEventListener(
    "click",
    () => {
      const index = failed();
      if (index >= 0) context.goTo(index, drawn.value[index]!.nodes - 1);
    },
    { signal: lifetime },
  );
  return element;
}

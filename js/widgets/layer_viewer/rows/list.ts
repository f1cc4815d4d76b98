/** The layers from first to last: only those in sight are on the page, and only they are sent. */

import { signal } from "@preact/signals-core";

import { h, listen, setText } from "../../../shared/ui/dom.ts";
import { onEnd, react, track, within } from "../../../shared/lifetime.ts";
import type { Context } from "../context.ts";
import { edges } from "./edges.ts";
import { LayerRow, ROW_HEIGHT } from "./row.ts";
import { Pace, PAUSE } from "./pace.ts";
import { Watching } from "./watching.ts";

const SPARE = 1;
/** Milliseconds from asking for a row until it is there: so far ahead of the scrolling one asks. */
const AHEAD = 300;
const MOST_AHEAD = 8;

export function layerList(context: Context): HTMLElement {
  const { t, network, pictures, session, settings, selection, reading, changes, lifetime } =
    context;
  const spacer = h("div", { class: "dl-rows" });
  const scroller = h("div", { class: "dl-scroll" }, spacer);
  const output = h("output", { class: "dl-reading" });
  const rows = new Map<number, LayerRow>();
  /** Counts what could have moved a tile. */
  const moved = signal(0);
  let width = 0;

  const pace = new Pace();
  const watching = new Watching(context);

  let living = within(lifetime);
  onEnd(lifetime, () => living.abort());
  const empty = () => {
    living.abort();
    living = within(lifetime);
    rows.forEach((row) => row.remove());
    rows.clear();
    watching.forget();
  };
  const settle = () => {
    const layers = network.peek()?.layers ?? [];
    spacer.style.height = `${layers.length * ROW_HEIGHT}px`;
    const top = scroller.scrollTop;
    const tall = scroller.clientHeight || 480;
    const ahead = Math.trunc((pace.speed * AHEAD) / ROW_HEIGHT);
    const up = SPARE + Math.min(MOST_AHEAD, Math.max(0, -ahead));
    const down = SPARE + Math.min(MOST_AHEAD, Math.max(0, ahead));
    const first = Math.max(0, Math.floor(top / ROW_HEIGHT) - up);
    const last = Math.min(layers.length - 1, Math.floor((top + tall) / ROW_HEIGHT) + down);
    for (const [index, row] of rows) {
      if (index >= first && index <= last) continue;
      row.remove();
      rows.delete(index);
    }
    for (let index = first; index <= last; index++) {
      if (rows.has(index)) continue;
      const row = new LayerRow(context, index, width, living.signal, {
        turned: () => {
          watching.watch(rows.values(), pace.speed === 0);
          moved.value = moved.peek() + 1;
        },
        go: (to) => focusRow(to),
      });
      rows.set(index, row);
      const next = [...rows].find(([other, { element }]) => other > index && element.isConnected);
      spacer.insertBefore(row.element, next?.[1].element ?? null);
    }
    watching.watch(rows.values(), pace.speed === 0);
    moved.value = moved.peek() + 1;
  };
  const focusRow = (index: number) => {
    const layers = network.peek()?.layers ?? [];
    if (index < 0 || index >= layers.length) return;
    const top = index * ROW_HEIGHT;
    if (top < scroller.scrollTop) scroller.scrollTop = top;
    else if (top + ROW_HEIGHT > scroller.scrollTop + scroller.clientHeight) {
      scroller.scrollTop = top + ROW_HEIGHT - scroller.clientHeight;
    }
    settle();
    rows.get(index)?.focus();
  };

  react(lifetime, () => {
    // Filters have tiles of another size.
    track(settings.show.shown);
    empty();
    settle();
  });
  let revision = -1;
  react(lifetime, () => {
    const known = network.value;
    if (known === null) return;
    if (known.revision !== revision) {
      revision = known.revision;
      empty();
      const place = selection.place.peek();
      const shape = place === null ? undefined : known.layers[place.layer]?.shape;
      if (shape?.length !== place?.at.length) selection.choose(null);
    }
    watching.forget();
    settle();
  });
  let went = 0;
  react(lifetime, () => {
    const goal = context.goal.value;
    // Only once there are rows to go to.
    if (network.value === null || session.frame.value === null) return;
    if (goal === null || goal.asked === went) return;
    went = goal.asked;
    scroller.scrollTop = goal.layer * ROW_HEIGHT;
    focusRow(goal.layer);
  });
  react(lifetime, () => {
    track(
      session.frame,
      pictures.additions,
      selection.place,
      changes,
      settings.scale.shown,
      context.theme,
    );
    rows.forEach((row) => row.draw());
  });
  react(lifetime, () => setText(output, reading.value || t("layer_viewer.point")));
  let resting: ReturnType<typeof setTimeout>;
  const rested = () => {
    pace.rest();
    settle();
  };
  const scrolled = () => {
    clearTimeout(resting);
    resting = setTimeout(rested, PAUSE);
    pace.at(scroller.scrollTop);
    settle();
  };
  listen(scroller, "scroll", lifetime, scrolled, { passive: true });
  onEnd(lifetime, () => clearTimeout(resting));
  const resized = new ResizeObserver(() => {
    const now = Math.max(0, spacer.clientWidth - 2);
    if (now !== width) {
      width = now;
      empty();
    }
    settle();
  });
  resized.observe(scroller);
  onEnd(lifetime, () => resized.disconnect());
  spacer.append(edges(context, rows, scroller, moved));
  return h(
    "section",
    { class: "dl-layers", "aria-label": t("layer_viewer.layers") },
    output,
    scroller,
  );
}

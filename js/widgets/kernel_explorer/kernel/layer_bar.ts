/** Filters of the layer: take one, change it, write it back. */

import { computed } from "@preact/signals-core";

import { menu } from "../../../shared/ui/controls.ts";
import { h, listen, setText } from "../../../shared/ui/dom.ts";
import { react } from "../../../shared/lifetime.ts";
import { Optimistic } from "../../../shared/kernel/traits.ts";
import type { Context } from "../context.ts";
import type { Filters } from "../settings.ts";

interface Taken {
  readonly filter: number | null;
  readonly channel: number | null;
}

export function layerBar(context: Context): HTMLElement {
  const { filters } = context;
  const layer = filters.peek();
  if (layer === null) return h("div", { hidden: true });
  const { t, tips, rpc, complain, command, lifetime } = context;
  const now = computed(() => filters.value ?? layer);
  const taken = new Optimistic<Taken>(
    computed(() => ({ filter: now.value.filter, channel: now.value.channel })),
    lifetime,
    ({ filter, channel }) => rpc.request("filter.take", { filter, channel }),
    complain,
  );
  const part = <K extends keyof Taken>(key: K, whole: (value: number | null) => Taken) => ({
    name: key,
    label: t(`kernel_explorer.${key}`),
    tip: t(`kernel_explorer.tip_${key}`),
    setting: {
      shown: computed(() => taken.shown.value[key]),
      set: (value: number | null) => taken.set(whole(value)),
    },
  });
  const seen = seenBy(layer, taken.shown.peek().filter ?? 0);
  const filter = menu(
    context,
    part("filter", (index) => {
      const { channel } = taken.shown.peek();
      const sees = seenBy(layer, index ?? 0);
      return {
        filter: index,
        channel: channel === null || sees.includes(channel) ? channel : sees[0]!,
      };
    }),
    Array.from({ length: layer.count }, (_, i) => i),
    (index) => (index === null ? "–" : String(index)),
  );
  const channel = menu(
    context,
    part("channel", (index) => ({ filter: taken.shown.peek().filter ?? 0, channel: index })),
    layer.groups === 1
      ? [null, ...seen]
      : [null, ...Array.from({ length: layer.channels }, (_, i) => i)],
    (index) => (index === null ? t("kernel_explorer.all_channels") : String(index)),
  );
  const write = h("button", { type: "button", class: "dl-button" }, t("kernel_explorer.write"));
  listen(write, "click", lifetime, () => command("filter.write"));
  tips.describe(write, t("kernel_explorer.write"), t("kernel_explorer.tip_write"));
  const undo = h("button", { type: "button", class: "dl-button" }, t("kernel_explorer.undo"));
  listen(undo, "click", lifetime, () => {
    if (now.peek().written > 0) command("filter.undo");
  });
  tips.describe(undo, t("kernel_explorer.undo"), t("kernel_explorer.tip_undo"));
  const written = h("span", { class: "dl-spoken", role: "status" });
  react(lifetime, () => {
    const count = now.value.written;
    undo.setAttribute("aria-disabled", String(count === 0));
    const label = t("kernel_explorer.undo");
    setText(undo, count === 0 ? label : `${label} (${count})`);
    setText(written, count === 0 ? "" : t("kernel_explorer.written", { count }));
    write.setAttribute("aria-disabled", String(now.value.filter === null));
  });
  const name = h("code", { class: "dl-layer-name" }, layer.layer);
  return h("div", { class: "dl-layer" }, name, filter, channel, write, undo, written);
}

/** The channels that a filter sees: all, or those of its group. */
function seenBy({ count, channels, groups }: Filters, filter: number): number[] {
  const width = channels / groups;
  const first = Math.floor(filter / (count / groups)) * width;
  return Array.from({ length: width }, (_, i) => first + i);
}

/** A LayerViewer beneath the graph, at the layer that was clicked. */

import { onEnd, within } from "../../shared/lifetime.ts";
import { h, listen } from "../../shared/ui/dom.ts";
import type { Context } from "./context.ts";

const places = new WeakMap<Context["rpc"], Layers>();

interface Layers {
  readonly open: (module: string) => Promise<void>;
}

export function layerPlace(context: Context): HTMLElement {
  const { t, lifetime, rpc, tips } = context;
  const close = h("button", { type: "button", class: "dl-button" }, t("close_layers"));
  const place = h("div");
  const element = h(
    "section",
    { class: "dl-layers-beneath", "aria-label": t("open_layer"), hidden: true },
    h("div", { class: "dl-layers-row" }, close),
    place,
  );
  tips.describe(close, t("close_layers"), t("tip_close_layers"));
  let shown: { readonly id: string; readonly end: AbortController } | null = null;
  const end = () => {
    shown?.end.abort();
    shown = null;
    place.replaceChildren();
    element.hidden = true;
  };
  onEnd(lifetime, end);
  listen(close, "click", lifetime, end);
  places.set(rpc, {
    open: async (module) => {
      const { meta } = await rpc.request("layer.open", { module }, { timeout: null });
      const id = String(meta["widget"]);
      if (shown?.id !== id) {
        end();
        const own = within(lifetime);
        shown = { id, end: own };
        element.hidden = false;
        if (!(await context.child(id, place, own.signal))) {
          // A host without a way to show it here: a cell can.
          place.replaceChildren(h("p", {}, t("layer_opened")), h("pre", {}, h("code", {}, CODE)));
        }
      }
      element.scrollIntoView({ block: "nearest" });
    },
  });
  return element;
}

/** Show a layer's units; resolves when they are there. */
export async function openLayer(context: Context, module: string): Promise<void> {
  await places.get(context.rpc)?.open(module);
}

const CODE = "graph.layer_viewer()";

/** The middle of the view: features, hidden layers and the links between them. */

import { computed, signal } from "@preact/signals-core";

import { layoutNetwork } from "../../../draw/network.ts";
import { h } from "../../../shared/ui/dom.ts";
import { onEnd, react } from "../../../shared/lifetime.ts";
import type { Context } from "../context.ts";
import { featureNodes } from "./feature_nodes.ts";
import { sameShape } from "../frame.ts";
import { layerCount, neuronSteppers } from "./layer_controls.ts";
import { linkEditor } from "./link_editor.ts";
import { linkLayer } from "./link_layer.ts";
import type { Picture } from "./picture.ts";
import { followShape } from "./shape.ts";
import { unitCard } from "./unit_card.ts";
import { unitNodes } from "./unit_nodes.ts";

const LABEL_WIDTH = 36;
/** Beside the middle of the large heat map, as a share of the height. */
const OUTPUT_HEIGHT = 0.57;
/** From this width on, nodes may be larger. */
const WIDE = 560;

export function networkPanel(context: Context): HTMLElement {
  const { t, choices, session, lifetime } = context;
  const shape = followShape(context);
  const area = h("div", { class: "dl-network" });
  const size = followSize(area, lifetime);
  const layout = computed(() =>
    layoutNetwork({
      width: Math.max(200, size.value.width),
      height: Math.max(160, size.value.height),
      featureCount: choices.features.length,
      used: shape.value.features.map((name) => choices.features.indexOf(name)),
      hidden: shape.value.hidden,
      labelWidth: LABEL_WIDTH,
      largestNode: size.value.width >= WIDE ? 46 : 38,
      outputY: size.value.height * OUTPUT_HEIGHT,
    }),
  );
  const frame = computed(() => {
    const newest = session.frame.value;
    return sameShape(newest, shape.value) ? newest : null;
  });
  const picture: Picture = { shape, layout, frame };
  area.append(
    linkLayer(context, picture, area),
    featureNodes(context, picture),
    unitNodes(context, picture),
    linkEditor(context, picture),
  );
  const waiting = h("p", { class: "dl-empty" });
  react(lifetime, () => {
    waiting.hidden = session.frame.value !== null;
    if (!waiting.hidden) waiting.textContent = t(`kernel.status_${session.connection.value}`);
  });
  return h(
    "div",
    { class: "dl-middle", role: "group", "aria-label": t("playground.network") },
    h(
      "div",
      { class: "dl-titles" },
      h("h3", {}, t("playground.features")),
      layerCount(context, picture),
    ),
    neuronSteppers(context, picture),
    area,
    h("p", { class: "dl-hint" }, t("playground.hint")),
    unitCard(context, picture),
    waiting,
  );
}

function followSize(element: HTMLElement, lifetime: AbortSignal) {
  const size = signal({ width: 0, height: 0 });
  const observer = new ResizeObserver(() => {
    const { clientWidth: width, clientHeight: height } = element;
    const { width: oldWidth, height: oldHeight } = size.peek();
    if (width !== oldWidth || height !== oldHeight) size.value = { width, height };
  });
  observer.observe(element);
  onEnd(lifetime, () => observer.disconnect());
  return size;
}

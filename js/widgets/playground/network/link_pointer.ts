/** What the pointer finds between the nodes: a link or a bias tells its value; a click changes it. */

import { biasAt, type Link, linkAt } from "../../../draw/network.ts";
import { h, listen, setText } from "../../../shared/ui/dom.ts";
import { react } from "../../../shared/lifetime.ts";
import type { Context } from "../context.ts";
import { formatWeight } from "../../../shared/format.ts";
import { linkName, unitName, unitParameters } from "./naming.ts";
import type { Picture } from "./picture.ts";
import type { Unit } from "./selection.ts";

const REACH = 6;
const TOUCH_REACH = 14;
const BIAS_REACH = 3;
const TIP_WIDTH = 180;

export function linkPointer(
  context: Context,
  picture: Picture,
  area: HTMLElement,
  canvas: HTMLCanvasElement,
): void {
  const { t, selection, lifetime } = context;
  const { hoveredLink, hoveredBias, edited, pinned } = selection;
  const tip = h("div", { class: "dl-link-tip", hidden: true });
  area.append(tip);

  react(lifetime, () => {
    const link = hoveredLink.value;
    const unit = hoveredBias.value;
    const shape = picture.shape.value;
    const parameters = picture.frame.value?.parameters;
    tip.hidden = (link === null && unit === null) || edited.value !== null;
    if (tip.hidden || parameters === undefined) return;
    const name =
      unit === null
        ? link && linkName(t, shape, link)
        : t("playground.bias_of", { name: unitName(t, shape, unit) });
    const index = unit === null ? link?.parameter : unitParameters(shape, unit).bias;
    const value = index === undefined ? undefined : parameters[index];
    if (name === null || value === undefined) tip.hidden = true;
    else setText(tip, `${name}: ${formatWeight(value)}`);
  });

  const under = (event: MouseEvent, reach: number): { link: Link | null; bias: Unit | null } => {
    const { left, top } = canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - left, event.clientY - top];
    const { links, layers, width } = picture.layout.peek();
    tip.style.left = `${Math.max(0, Math.min(x + 12, width - TIP_WIDTH))}px`;
    tip.style.top = `${y + 16}px`;
    const bias = biasAt(layers, x, y, BIAS_REACH) ?? null;
    return { bias, link: bias === null ? (linkAt(links, x, y, reach) ?? null) : null };
  };
  listen(canvas, "pointermove", lifetime, (event) => {
    const { link, bias } = under(event, REACH);
    hoveredLink.value = link;
    if (hoveredBias.value?.layer !== bias?.layer || hoveredBias.value?.unit !== bias?.unit) {
      hoveredBias.value = bias;
    }
    canvas.style.cursor = link === null && bias === null ? "" : "pointer";
  });
  listen(canvas, "pointerleave", lifetime, () => {
    hoveredLink.value = null;
    hoveredBias.value = null;
  });
  listen(canvas, "click", lifetime, (event) => {
    const touch = event instanceof PointerEvent && event.pointerType === "touch";
    const { link, bias } = under(event, touch ? TOUCH_REACH : REACH);
    edited.value = link;
    if (bias !== null) pinned.value = bias;
  });
}

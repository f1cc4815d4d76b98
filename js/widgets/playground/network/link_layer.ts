/** The links and the marks of the biases on their canvas. */

import { computed } from "@preact/signals-core";

import { context2d } from "../../../draw/heatmap.ts";
import { LinkDrawing } from "../../../draw/links.ts";
import { h } from "../../../shared/ui/dom.ts";
import { react } from "../../../shared/lifetime.ts";
import type { Context } from "../context.ts";
import { linkPointer } from "./link_pointer.ts";
import { biases } from "./naming.ts";
import type { Picture } from "./picture.ts";

/** Pixels that the dashes move with each frame in which it has trained. */
const DASH_SPEED = 1;

export function linkLayer(context: Context, picture: Picture, area: HTMLElement): HTMLElement {
  const { selection, theme, lifetime } = context;
  const canvas = h("canvas", { class: "dl-links", "aria-hidden": "true" });
  const canvas2d = context2d(canvas);
  const drawing = computed(() => new LinkDrawing(picture.layout.value));
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  let offset = 0;
  let epoch: number | null = null;

  react(lifetime, () => {
    const { layout } = drawing.value;
    const frame = picture.frame.value;
    const { line, text } = theme.value;
    const marked = selection.edited.value ?? selection.hoveredLink.value;
    fit(canvas, canvas2d, layout.width, layout.height);
    const trained = frame !== null && epoch !== null && frame.epoch !== epoch;
    if (trained && !still.matches) offset += DASH_SPEED;
    epoch = frame?.epoch ?? epoch;
    drawing.value.draw(
      canvas2d,
      frame?.parameters ?? null,
      offset,
      line,
      marked?.parameter ?? -1,
      text,
    );
    if (frame !== null) drawing.value.drawBiases(canvas2d, biases(frame), line);
  });

  linkPointer(context, picture, area, canvas);
  return canvas;
}

function fit(
  canvas: HTMLCanvasElement,
  context: CanvasRenderingContext2D,
  width: number,
  height: number,
): void {
  const ratio = devicePixelRatio || 1;
  const [columns, rows] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width === columns && canvas.height === rows) return;
  canvas.width = columns;
  canvas.height = rows;
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
}

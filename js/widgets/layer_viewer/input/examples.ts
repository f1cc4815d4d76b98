/** The rows of the data as thumbnails to choose from; arrows where they are not images. */

import { iconButton } from "../../../shared/ui/controls.ts";
import { h, listen, setAttribute, setText } from "../../../shared/ui/dom.ts";
import { onEnd, react, within } from "../../../shared/lifetime.ts";
import { context2d } from "../../../draw/heatmap.ts";
import type { NamedArray } from "../../../shared/kernel/protocol.ts";
import type { Context } from "../context.ts";
import type { Input } from "./canvas.ts";

export function examples(context: Context, choose: (input: Input) => void): HTMLElement {
  const { t, network, session, lifetime } = context;
  const strip = h("div", {
    class: "dl-thumbnails",
    role: "group",
    "aria-label": t("layer_viewer.examples"),
  });
  const text = h("output", { class: "dl-label" });
  const take = (row: number) => choose({ kind: "input.choose", meta: { row }, arrays: {} });
  const go = (step: number) => {
    const count = network.peek()?.examples ?? 1;
    const row = (session.frame.peek()?.row ?? -1) + step;
    take(((row % count) + count) % count);
  };
  const pager = h(
    "div",
    { class: "dl-pager" },
    iconButton(context, "left", t("layer_viewer.previous"), t("layer_viewer.tip_examples"), () =>
      go(-1),
    ),
    text,
    iconButton(context, "right", t("layer_viewer.next"), t("layer_viewer.tip_examples"), () =>
      go(1),
    ),
  );
  let shown = within(lifetime);
  onEnd(lifetime, () => shown.abort());
  let buttons: HTMLButtonElement[] = [];
  react(lifetime, () => {
    const thumbnails = network.value?.thumbnails ?? null;
    shown.abort();
    shown = within(lifetime);
    buttons = Array.from({ length: thumbnails?.shape[0] ?? 0 }, (_, row) => {
      const label = t("layer_viewer.example", { row });
      const canvas = h("canvas", { "aria-hidden": "true" });
      paint(canvas, thumbnails!, row);
      const button = h(
        "button",
        { type: "button", class: "dl-thumbnail", "aria-label": label },
        canvas,
      );
      listen(button, "click", shown.signal, () => take(row));
      return button;
    });
    strip.replaceChildren(...buttons);
    strip.hidden = buttons.length === 0;
  });
  react(lifetime, () => {
    const row = session.frame.value?.row ?? null;
    const count = network.value?.examples ?? 0;
    pager.hidden = count < 2;
    setText(
      text,
      row === null
        ? t("layer_viewer.drawn")
        : t("layer_viewer.example_of", { row, last: count - 1 }),
    );
    buttons.forEach((button, i) => setAttribute(button, "aria-pressed", String(i === row)));
  });
  return h("div", { class: "dl-examples" }, strip, pager);
}

function paint(canvas: HTMLCanvasElement, { shape, values }: NamedArray, row: number): void {
  const [, height = 1, width = 1, colours = 1] = shape;
  canvas.width = width;
  canvas.height = height;
  const target = context2d(canvas);
  const image = target.createImageData(width, height);
  for (let i = 0; i < height * width; i++) {
    const start = (row * height * width + i) * colours;
    for (let channel = 0; channel < 3; channel++) {
      image.data[4 * i + channel] = values[start + (colours === 3 ? channel : 0)]!;
    }
    image.data[4 * i + 3] = 255;
  }
  target.putImageData(image, 0, 0);
}

/** The window, the kernel, their products and the sum: one output pixel, number by number. */

import { type Picture, valueColor } from "../../../draw/pixels.ts";
import { h, setAttribute, setText } from "../../../shared/ui/dom.ts";
import { formatValue } from "../../../shared/format.ts";
import { react } from "../../../shared/lifetime.ts";
import type { Context } from "../context.ts";
import { kernelEditor } from "../kernel/editor.ts";
import { channelName, kernelTools } from "../kernel/tools.ts";
import { calmly, numberPanel } from "../kernel/number_panel.ts";
import { outputIndex } from "./pictures.ts";
import { at } from "../image/planes.ts";
import { isScene, type Place, type Scene } from "./scene.ts";
import { inputPicture, outputPicture } from "./shown.ts";

export interface Arithmetic {
  /** Row by row: what lies under the kernel, and where it is beyond the image. */
  readonly window: readonly number[];
  readonly outside: readonly boolean[];
  readonly products: readonly number[];
  /** Of this channel alone. */
  readonly sum: number;
}

/** What one channel adds to one output pixel. */
export function arithmeticOf(scene: Scene, plane: number, { y, x }: Place): Arithmetic {
  const { padded, geometry, filter, size, kernels, image } = scene;
  const kernel = (kernels[filter.channels === "grey" ? 0 : plane] ?? kernels[0]!).flat();
  const window: number[] = [];
  const outside: boolean[] = [];
  const products: number[] = [];
  let sum = 0;
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      const py = y * filter.stride + row * filter.dilation;
      const px = x * filter.stride + column * filter.dilation;
      const value = at(padded, plane, py, px);
      const product = value * kernel[row * size + column]!;
      window.push(value);
      outside.push(
        isOutside(py - geometry.before, image.height) ||
          isOutside(px - geometry.before, image.width),
      );
      products.push(Math.fround(product));
      sum += product;
    }
  }
  return { window, outside, products, sum: Math.fround(sum) };
}

function isOutside(place: number, length: number): boolean {
  return place < 0 || place >= length;
}

export function arithmetic(context: Context): HTMLElement {
  const { t, stage, lifetime } = context;
  const window = numberPanel(t("kernel_explorer.window"), lifetime);
  const products = numberPanel(t("kernel_explorer.products"), lifetime);
  const result = sumPanel(context);
  const kernelHead = h("h3", {}, t("kernel_explorer.kernel"));
  const calm = calmly(lifetime);
  react(lifetime, () => {
    const found = stage.scene.value;
    const where = stage.place.value;
    if (!isScene(found) || where === null) {
      calm(0, () => {
        window.clear();
        products.clear();
      });
      return;
    }
    const plane = planeOf(found, stage.plane.value);
    const { size } = found;
    calm(size, () => {
      const parts = arithmeticOf(found, plane, where);
      const greys = { ...inputPicture(found.padded, plane, found.range), planes: [] };
      window.show(size, parts.window, greys, parts.outside);
      const largest = Math.max(...parts.products.map(Math.abs));
      const signs = { height: 0, width: 0, planes: [], low: -largest, high: largest, signed: true };
      products.show(size, parts.products, signs);
    });
  });
  const block = (kind: string, head: readonly HTMLElement[], ...body: HTMLElement[]) =>
    h(
      "div",
      { class: `dl-block dl-block-${kind}` },
      h("div", { class: "dl-picture-head" }, ...head),
      ...body,
    );
  const sign = (text: string) => h("span", { class: "dl-sign", "aria-hidden": "true" }, text);
  return h(
    "div",
    { class: "dl-arithmetic" },
    block("window", [h("h3", {}, t("kernel_explorer.window"))], window.element),
    sign("×"),
    block("kernel", [kernelHead, kernelTools(context)], kernelEditor(context)),
    sign("="),
    block("products", [h("h3", {}, t("kernel_explorer.products"))], products.element),
    sign("→"),
    block("sum", [h("h3", {}, t("kernel_explorer.sum"))], result),
  );
}

/** In grey there is one plane only. */
export function planeOf({ padded }: Scene, plane: number): number {
  return Math.min(plane, padded.channels - 1);
}

/** The sum, what it is made of, and its colour in the output. */
function sumPanel(context: Context): HTMLElement {
  const { t, root, stage, settings, lifetime } = context;
  const value = h("output", { class: "dl-sum-value", "aria-live": "off" });
  const swatch = h("span", { class: "dl-swatch", "aria-hidden": "true" });
  const parts = h("div", { class: "dl-parts" });
  const place = h("div", { class: "dl-caption" });
  react(lifetime, () => {
    const found = stage.scene.value;
    const where = stage.place.value;
    if (!isScene(found) || where === null) {
      setText(value, "–");
      swatch.style.background = "";
      setText(place, "");
      parts.replaceChildren();
      setAttribute(root, "data-sum", null);
      return;
    }
    const plane = planeOf(found, stage.plane.value);
    const { filter, output, padded } = found;
    const total = output.values[outputIndex(found, plane, where)]!;
    setText(value, formatValue(total));
    setText(place, t("kernel_explorer.place", { ...where }));
    setAttribute(root, "data-sum", total);
    setAttribute(root, "data-place", `${where.y} ${where.x}`);
    const picture = outputPicture(found, plane, settings.display.shown.value);
    const size = output.height * output.width;
    const pixel = where.y * output.width + where.x;
    swatch.style.background = pixelColor(picture, output.values, size, pixel);
    const terms = filter.channels === "sum" && padded.channels > 1;
    const shown: [string, number, boolean][] = [];
    if (terms) {
      const count = Math.min(padded.channels, 4);
      for (let i = 0; i < count; i++) {
        const { sum } = arithmeticOf(found, i, where);
        shown.push([channelName(context, i, padded.channels), sum, i === plane]);
      }
      if (count < padded.channels) {
        let rest = 0;
        for (let i = count; i < padded.channels; i++) rest += arithmeticOf(found, i, where).sum;
        const more = t("kernel_explorer.others", { count: padded.channels - count });
        shown.push([more, rest, plane >= count]);
      }
    }
    if (filter.bias !== 0) {
      if (!terms)
        shown.push([t("kernel_explorer.products"), arithmeticOf(found, plane, where).sum, false]);
      shown.push([t("kernel_explorer.bias"), filter.bias, false]);
    }
    parts.replaceChildren(
      ...shown.map(([name, number, here]) =>
        h(
          "div",
          { class: "dl-part", "data-here": here },
          h("span", {}, name),
          h("span", {}, formatValue(number)),
        ),
      ),
    );
  });
  return h(
    "div",
    { class: "dl-result" },
    h("div", { class: "dl-total" }, swatch, value),
    place,
    parts,
  );
}

function pixelColor(picture: Picture, values: Float32Array, size: number, pixel: number): string {
  if (picture.planes.length < 3 || picture.signed) {
    return valueColor(picture, picture.planes[0]![pixel]!).color;
  }
  const level = (plane: number) => {
    const share = (values[plane * size + pixel]! - picture.low) / (picture.high - picture.low || 1);
    return Math.round(255 * Math.max(0, Math.min(1, share)));
  };
  return `rgb(${level(0)},${level(1)},${level(2)})`;
}

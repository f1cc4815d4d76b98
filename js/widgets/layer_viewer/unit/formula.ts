/** A unit's formula with the actual numbers. */

import { packedColor } from "../../../draw/values.ts";
import { h, setText } from "../../../shared/ui/dom.ts";
import { formatValue } from "../../../shared/format.ts";
import type { Translate } from "../../../shared/i18n.ts";
import { react } from "../../../shared/lifetime.ts";
import type { NamedArray } from "../../../shared/kernel/protocol.ts";
import type { Context } from "../context.ts";
import type { Explained, Formula } from "./explained.ts";
import { generalForm, withNumbers } from "./formula_text.ts";

/** Cells of a window that are shown as numbers; larger ones as colours. */
const MOST_COLUMNS = 5;
const MOST_ROWS = 5;
const MOST_LINKS = 6;

/** Kinds whose formula has but one value of those before. */
const ALONE: ReadonlySet<string> = new Set([
  "copy",
  "pointwise",
  "norm",
  "pooling",
  "reduction",
  "normalize",
]);

export function formula(context: Context): HTMLElement {
  const { t, selection, network, sentence, lifetime } = context;
  const general = h("p", { class: "dl-general" });
  const grids = h("div", { class: "dl-grids" });
  const sum = h("p", { class: "dl-sum" });
  const parts = h("ul", { class: "dl-parts" });
  const element = h("div", { class: "dl-formula" }, general, grids, sum, parts);
  react(lifetime, () => {
    const found = selection.explained.value;
    element.hidden = found === null;
    if (found === null) return;
    if (found.formula === null) {
      setText(general, found.problem === null ? "" : sentence(found.problem));
      grids.replaceChildren();
      parts.replaceChildren();
      setText(sum, "");
      return;
    }
    setText(general, generalForm(t, found.formula));
    setText(sum, withNumbers(t, found));
    grids.replaceChildren(...windowGrids(t, found));
    const names = (source: number) =>
      source < 0 ? t("layer_viewer.input") : (network.peek()?.layers[source]?.name ?? "");
    parts.replaceChildren(...contributions(found.formula, names));
  });
  return element;
}

/** Window, kernel and products of one of the units that feed it. */
function windowGrids(t: Translate, { formula, source }: Explained): HTMLElement[] {
  if (formula === null) return [];
  const { kind, window, weights, inside } = formula;
  if (kind === "pooling") {
    const size = planes(window.shape);
    return [grid(t("layer_viewer.window"), window.values, 0, size, { chosen: formula.chosen })];
  }
  if (kind !== "convolution" || weights === null) return [];
  const channel = Math.max(0, formula.units.indexOf(source ?? -1));
  const size = planes(window.shape.slice(1));
  const cells = window.values.length / (window.shape[0] ?? 1);
  const start = channel * cells;
  const products = Float32Array.from(
    { length: cells },
    (_, i) => window.values[start + i]! * weights.values[start + i]!,
  );
  const total = products.reduce((sum, value) => sum + value, 0);
  const two = [
    grid(t("layer_viewer.window"), window.values, start, size, { inside }),
    h("span", { class: "dl-sign" }, "·"),
    grid(t("layer_viewer.kernel"), weights.values, start, size, {}),
  ];
  // There is room for three grids of three columns; of wider ones the sum must do.
  if (size[1] > 3) return [...two, h("span", { class: "dl-total" }, `→ Σ ${formatValue(total)}`)];
  return [
    ...two,
    h("span", { class: "dl-sign" }, "="),
    grid(`Σ ${formatValue(total)}`, products, 0, size, {}),
  ];
}

/** Rows and columns of a window; slices of a volume stand below each other. */
function planes(shape: readonly number[]): readonly [rows: number, columns: number] {
  const columns = shape.at(-1) ?? 1;
  return [shape.slice(0, -1).reduce((a, b) => a * b, 1), columns];
}

interface GridOptions {
  readonly inside?: NamedArray | null;
  readonly chosen?: number;
}

function grid(
  name: string,
  values: ArrayLike<number>,
  start: number,
  [rows, columns]: readonly [rows: number, columns: number],
  { inside = null, chosen = -1 }: GridOptions,
): HTMLElement {
  const own = Array.from({ length: rows * columns }, (_, i) => values[start + i]!);
  const largest = Math.max(...own.map(Math.abs), 1e-12);
  const numbers = columns <= MOST_COLUMNS && rows <= MOST_ROWS;
  const table = h("table", { class: numbers ? "" : "dl-tiny" }, h("caption", {}, name));
  const body = h("tbody");
  for (let row = 0; row < rows; row++) {
    const line = h("tr");
    for (let column = 0; column < columns; column++) {
      const index = row * columns + column;
      const value = own[index]!;
      const cell = h("td", { title: formatValue(value) }, numbers ? short(value) : "");
      cell.style.background = css(value, largest);
      cell.style.color = Math.abs(value) / largest > 0.6 && value > 0 ? "#fff" : "#1c1c1c";
      cell.toggleAttribute("data-chosen", index === chosen);
      if (inside !== null) cell.toggleAttribute("data-padding", inside.values[index] === 0);
      line.append(cell);
    }
    body.append(line);
  }
  table.append(body);
  return table;
}

/** Two digits where there is little room: .42, −1.3, 12. */
function short(value: number): string {
  const size = Math.abs(value);
  const text =
    size === 0
      ? "0"
      : size < 0.995
        ? size.toFixed(2).slice(1)
        : size < 9.95
          ? size.toFixed(1)
          : size.toFixed(0);
  return value < 0 && text !== ".00" ? `−${text}` : text;
}

function css(value: number, largest: number): string {
  const packed = packedColor(value, largest);
  return `rgb(${packed & 255} ${(packed >> 8) & 255} ${(packed >> 16) & 255})`;
}

/** The units that add or take away most. */
function contributions({ links, kind }: Formula, name: (source: number) => string): HTMLElement[] {
  if (ALONE.has(kind)) return [];
  const shown = links.slice(0, MOST_LINKS);
  const most = Math.max(...links.map(({ share }) => Math.abs(share)), 1e-12);
  return shown.map(({ source, unit, share }) => {
    const bar = h("span", { class: share < 0 ? "dl-part-bar dl-minus" : "dl-part-bar" });
    bar.style.width = `${(50 * Math.abs(share)) / most}%`;
    return h(
      "li",
      {},
      h("span", { class: "dl-part-name" }, `${name(source)} ${unit}`),
      h("span", { class: "dl-part-track" }, bar),
      h("span", { class: "dl-part-value" }, formatValue(share)),
    );
  });
}

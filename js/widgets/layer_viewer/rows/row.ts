/** One layer: its name, what there is to know of it, and its units as small images. */

import { signal } from "@preact/signals-core";

import { largestOf, sharpen, ValuePainter } from "../../../draw/values.ts";
import { iconButton } from "../../../shared/ui/controls.ts";
import { h, listen, setAttribute, setText } from "../../../shared/ui/dom.ts";
import { formatCount, formatValue } from "../../../shared/format.ts";
import { icon } from "../../../shared/ui/icons.ts";
import type { Image3 } from "../../../shared/kernel/read.ts";
import { within } from "../../../shared/lifetime.ts";
import type { Context } from "../context.ts";
import { type Layer, layerTitle } from "../network.ts";
import { AREA, layoutTiles, tileAt, type TileLayout, tilePlace, truePlace } from "./tile_layout.ts";

const LABEL = 18;
const GAP = 8;
export const ROW_HEIGHT = LABEL + AREA + GAP;

/** What the kernel is to send of a row. */
export interface Wanted {
  readonly layer: number;
  readonly first: number;
  readonly count: number;
  readonly height: number;
  readonly width: number;
  readonly depth: number;
}

export interface RowActions {
  /** Another part of the row is in sight. */
  readonly turned: () => void;
  /** The keys go on to another row. */
  readonly go: (row: number) => void;
}

const painter = new ValuePainter();

export class LayerRow {
  readonly element: HTMLElement;
  readonly layer: Layer;
  readonly tiles: TileLayout;
  readonly #context: Context;
  readonly #index: number;
  readonly #life: AbortController;
  readonly #actions: RowActions;
  readonly #width: number;
  readonly #canvas: HTMLCanvasElement;
  readonly #picker: HTMLElement;
  readonly #flags = h("span", { class: "dl-flags" });
  readonly #page = h("span", { class: "dl-label" });
  readonly #note = h("span", { class: "dl-row-note" });
  #first = 0;
  #depth = 0;
  readonly #cursor = signal(0);

  constructor(
    context: Context,
    index: number,
    width: number,
    lifetime: AbortSignal,
    actions: RowActions,
  ) {
    this.#context = context;
    this.#index = index;
    this.#actions = actions;
    this.#width = width;
    this.#life = within(lifetime);
    this.layer = context.network.peek()!.layers[index]!;
    const filters = context.settings.show.shown.peek() === "filters";
    this.tiles = layoutTiles(this.layer, width, filters);
    this.#canvas = h("canvas", { "aria-hidden": "true" });
    this.#picker = h(
      "div",
      {
        class: "dl-units",
        role: "slider",
        tabindex: 0,
        "aria-label": context.t("layer_viewer.units_of", { layer: layerTitle(this.layer) }),
      },
      this.#canvas,
    );
    const place = context.selection.place.peek();
    if (place?.layer === index) this.#show(place.at[0] ?? 0);
    this.element = h(
      "div",
      { class: "dl-layer", "data-layer": this.layer.name, "data-index": index },
      this.#head(),
      this.#picker,
      this.#note,
    );
    this.element.style.top = `${index * ROW_HEIGHT}px`;
    this.#listen();
    this.draw();
  }

  remove(): void {
    this.#life.abort();
    this.element.remove();
  }

  focus(): void {
    this.#picker.focus({ preventScroll: true });
  }

  get #units(): number {
    return this.layer.shape[0] ?? 0;
  }

  /** What is to be sent; null where there is nothing to show. */
  wanted(): Wanted | null {
    if (this.layer.layout === null || this.#width === 0) return null;
    const ratio = Math.min(2, devicePixelRatio || 1);
    const cells = (pixels: number) => Math.max(1, Math.min(64, Math.round(pixels * ratio)));
    return {
      layer: this.#index,
      first: this.#first,
      count: Math.max(1, Math.min(this.tiles.capacity, this.#units - this.#first)),
      height: cells(this.tiles.tileHeight),
      width: cells(this.tiles.tileWidth),
      depth: this.#depth,
    };
  }

  /** Middle of a unit's tile within the list; null where it is not in sight. */
  place(
    unit: number,
  ): { readonly x: number; readonly top: number; readonly bottom: number } | null {
    const index = unit - this.#first;
    if (index < 0 || index >= this.tiles.capacity) return null;
    const [x, y] = tilePlace(this.tiles, index);
    const top = this.#index * ROW_HEIGHT + LABEL + y;
    return { x: x + this.tiles.tileWidth / 2, top, bottom: top + this.tiles.tileHeight };
  }

  draw(): void {
    const { t, session, pictures, selection, changes } = this.#context;
    const frame = session.frame.peek();
    const row = pictures.at(this.#index, this.#first);
    const target = sharpen(this.#canvas, Math.max(1, this.#width), AREA);
    this.#drawFlags();
    const shown = row?.images ?? null;
    const nothing = row !== null && row.images === null && this.layer.layout !== null;
    const why = this.layer.note !== null ? this.#context.sentence(this.layer.note) : null;
    const missing =
      nothing && frame !== null && frame.show !== "activations"
        ? t(`layer_viewer.no_${frame.show}`)
        : "";
    setText(this.#note, why ?? missing);
    if (shown === null) {
      this.#describe(shown);
      return;
    }
    this.#drawTiles(target, shown, this.#scale(shown));
    const place = selection.place.peek();
    const dead = new Set(frame?.health[this.#index]?.dead ?? []);
    for (let i = 0; i < Math.min(this.tiles.capacity, this.#units - this.#first); i++) {
      const unit = this.#first + i;
      const change = changes
        .peek()
        .find(
          (one) =>
            one.layer === this.layer.name && one.call === this.layer.call && one.unit === unit,
        );
      if (change !== undefined) this.#mark(target, i, "#e8590c", change.factor === 0);
      else if (dead.has(unit)) this.#mark(target, i, "#b5488f", false);
      if (place?.layer === this.#index && place.at[0] === unit)
        this.#mark(target, i, "#ffd43b", false, 3);
    }
    this.#describe(shown);
  }

  #drawTiles(
    target: CanvasRenderingContext2D,
    images: Image3,
    scale: (index: number) => number,
  ): void {
    const [count, height, width] = images.shape;
    const { tileWidth, tileHeight } = this.tiles;
    for (let i = 0; i < Math.min(count, this.tiles.capacity); i++) {
      const [x, y] = tilePlace(this.tiles, i);
      const start = i * height * width;
      const box = [x, y, tileWidth, tileHeight] as const;
      painter.paint(target, images.values, start, [height, width], scale(i), box);
    }
  }

  /** The size of the value that gets the full colour, by tile. */
  #scale(images: Image3): (index: number) => number {
    const [, height, width] = images.shape;
    const cells = height * width;
    const frame = this.#context.session.frame.peek();
    const kind = this.#context.settings.scale.shown.peek();
    if (kind === "unit" && cells > 1) {
      return (i) => largestOf(images.values, i * cells, (i + 1) * cells);
    }
    const all = (frame?.largest ?? []).map((value) => value ?? 0);
    const largest = kind === "network" ? Math.max(...all) : (all[this.#index] ?? 0);
    return () => largest;
  }

  #mark(
    target: CanvasRenderingContext2D,
    index: number,
    color: string,
    crossed: boolean,
    thick = 2,
  ): void {
    const [x, y] = tilePlace(this.tiles, index);
    const { tileWidth: wide, tileHeight: tall } = this.tiles;
    target.strokeStyle = color;
    target.lineWidth = thick;
    target.strokeRect(x + thick / 2, y + thick / 2, wide - thick, tall - thick);
    if (!crossed) return;
    target.beginPath();
    target.moveTo(x, y);
    target.lineTo(x + wide, y + tall);
    target.moveTo(x + wide, y);
    target.lineTo(x, y + tall);
    target.stroke();
  }

  #head(): HTMLElement {
    const { t, tips } = this.#context;
    const { kind, shape, parameters, text } = this.layer;
    const name = h("strong", {}, layerTitle(this.layer));
    const size = shape.join("×");
    const about = h("span", { class: "dl-label" }, `${kind} ${size}`);
    const head = h("div", { class: "dl-layer-head" }, name, about, this.#flags);
    tips.explain(head, () => ({
      name: `${layerTitle(this.layer)}: ${kind}${text === "" ? "" : `(${text})`}`,
      text: t("layer_viewer.tip_layer", {
        shape: size,
        parameters: formatCount(parameters, t("view.group_separator")),
      }),
    }));
    if (this.layer.layout === "volumes") head.append(this.#slices());
    if (this.#units > this.tiles.capacity) head.append(this.#pager());
    return head;
  }

  #pager(): HTMLElement {
    const { t } = this.#context;
    const turn = (step: number) => {
      const pages = Math.ceil(this.#units / this.tiles.capacity);
      const page = Math.floor(this.#first / this.tiles.capacity) + step;
      this.#turn(((page + pages) % pages) * this.tiles.capacity);
    };
    const context = { ...this.#context, lifetime: this.#life.signal };
    const tip = t("layer_viewer.tip_page");
    return h(
      "span",
      { class: "dl-pager" },
      iconButton(context, "left", t("layer_viewer.previous_units"), tip, () => turn(-1)),
      this.#page,
      iconButton(context, "right", t("layer_viewer.next_units"), tip, () => turn(1)),
    );
  }

  #slices(): HTMLElement {
    const { t } = this.#context;
    const label = t("layer_viewer.slice");
    const last = (this.layer.shape[1] ?? 1) - 1;
    const input = h("input", { type: "range", min: 0, max: last, value: 0, "aria-label": label });
    listen(input, "input", this.#life.signal, () => {
      this.#depth = input.valueAsNumber;
      this.#actions.turned();
    });
    return h("label", { class: "dl-slice" }, label, input);
  }

  #drawFlags(): void {
    const { t, session } = this.#context;
    const health = session.frame.peek()?.health[this.#index];
    const said: string[] = [];
    if (health !== undefined && health.dead.length > 0) {
      said.push(t("layer_viewer.dead", { count: health.dead.length }));
    }
    if (health?.vanishing === true) said.push(t("layer_viewer.vanishing"));
    const text = said.join(" · ");
    if (this.#flags.dataset["text"] !== text) {
      this.#flags.dataset["text"] = text;
      this.#flags.replaceChildren(...(text === "" ? [] : [icon("warning"), text]));
    }
    const zeros = health?.zeros ?? null;
    const gradient = health?.gradient ?? null;
    const details = [
      zeros === null ? "" : t("layer_viewer.zeros", { percent: (100 * zeros).toFixed(0) }),
      gradient === null ? "" : t("layer_viewer.gradient", { size: formatValue(gradient) }),
    ];
    this.element.dataset["health"] = details.filter(Boolean).join(" · ");
    const last = Math.min(this.#units, this.#first + this.tiles.capacity) - 1;
    setText(this.#page, `${this.#first}–${last}`);
  }

  #turn(first: number): void {
    if (first === this.#first) return;
    this.#first = first;
    this.#actions.turned();
    this.draw();
  }

  #show(unit: number): void {
    this.#first = Math.floor(unit / this.tiles.capacity) * this.tiles.capacity;
    this.#cursor.value = unit;
  }

  #listen(): void {
    const { reading, selection, tips } = this.#context;
    const life = this.#life.signal;
    listen(this.#picker, "pointermove", life, (event) => {
      const at = this.#at(event);
      tips.hide();
      reading.value = at === null ? this.#summary() : this.#read(at);
    });
    listen(this.#picker, "pointerleave", life, () => (reading.value = ""));
    listen(this.#picker, "click", life, (event) => {
      const at = this.#at(event);
      if (at === null) return;
      this.#cursor.value = at[0]!;
      selection.choose({ layer: this.#index, at });
    });
    listen(this.#picker, "focus", life, () => {
      if (this.#picker.matches(":focus-visible")) reading.value = this.#summary();
    });
    listen(this.#picker, "keydown", life, (event) => this.#key(event));
  }

  #key(event: KeyboardEvent): void {
    const steps: Readonly<Record<string, number>> = {
      ArrowLeft: -1,
      ArrowRight: 1,
      PageUp: -this.tiles.capacity,
      PageDown: this.tiles.capacity,
      Home: -this.#units,
      End: this.#units,
    };
    const step = steps[event.key];
    const row = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (row !== undefined) this.#actions.go(this.#index + row);
    else if (step !== undefined || event.key === "Enter" || event.key === " ") {
      const unit = Math.max(0, Math.min(this.#units - 1, this.#cursor.peek() + (step ?? 0)));
      const before = this.#first;
      this.#show(unit);
      if (before !== this.#first) this.#actions.turned();
      const { selection } = this.#context;
      const old = selection.place.peek();
      const rest = old?.layer === this.#index ? old.at.slice(1) : this.#middle();
      selection.choose({ layer: this.#index, at: [unit, ...rest] });
    } else return;
    event.preventDefault();
    // JupyterLab has other plans for these keys.
    event.stopPropagation();
  }

  #middle(): number[] {
    return this.layer.shape.slice(1).map((size) => Math.floor(size / 2));
  }

  #at(event: MouseEvent): number[] | null {
    const rect = this.#canvas.getBoundingClientRect();
    const hit = tileAt(this.tiles, event.clientX - rect.left, event.clientY - rect.top);
    if (hit === null) return null;
    const unit = this.#first + hit.index;
    if (unit >= this.#units) return null;
    const places = this.layer.shape.slice(1);
    const images = this.#context.pictures.at(this.#index, this.#first)?.images;
    const cell = (share: number, shown: number, size: number) =>
      truePlace(Math.min(shown - 1, Math.floor(share * shown)), shown, size);
    if (places.length === 0) return [unit];
    const wide = places.at(-1)!;
    const shape =
      this.#context.session.frame.peek()?.show === "filters" ? undefined : images?.shape;
    const x = cell(hit.across, shape?.[2] ?? wide, wide);
    if (places.length === 1) return [unit, x];
    const tall = places.at(-2)!;
    const y = cell(hit.down, shape?.[1] ?? tall, tall);
    return places.length === 2 ? [unit, y, x] : [unit, this.#depth, y, x];
  }

  /** The value that was sent for a place, or its weight. */
  #read(at: readonly number[]): string {
    const { t, session, pictures } = this.#context;
    const row = pictures.at(this.#index, this.#first);
    const name = layerTitle(this.layer);
    const [unit = 0, ...position] = at;
    const images = row?.images;
    if (row === null || !images) return name;
    const [, height, width] = images.shape;
    const shown = session.frame.peek()?.show;
    if (shown === "filters") return t("layer_viewer.read_filter", { layer: name, unit });
    const index = (place: number | undefined, size: number | undefined, cells: number) =>
      place === undefined ? 0 : Math.min(cells - 1, Math.floor((place * cells) / (size ?? 1)));
    const y = position.length > 1 ? index(position.at(-2), this.layer.shape.at(-2), height) : 0;
    const x = index(position.at(-1), this.layer.shape.at(-1), width);
    const value = images.values[((unit - row.first) * height + y) * width + x] ?? NaN;
    const { layers, classes } = this.#context.network.peek()!;
    // The last layer's units are the classes.
    const isAnswer = this.#index === layers.length - 1 && classes.length === this.#units;
    const own = isAnswer ? ` (${classes[unit]})` : "";
    const place = position.length === 0 ? own : ` (${position.join(", ")})`;
    return t("layer_viewer.read_unit", { layer: name, unit, place, value: formatValue(value) });
  }

  #summary(): string {
    const details = this.element.dataset["health"] ?? "";
    return [layerTitle(this.layer), this.layer.kind, details].filter(Boolean).join(" · ");
  }

  #describe(shown: Image3 | null): void {
    const { t } = this.#context;
    const unit = this.#cursor.peek();
    setAttribute(this.#picker, "aria-valuemin", 0);
    setAttribute(this.#picker, "aria-valuemax", Math.max(0, this.#units - 1));
    setAttribute(this.#picker, "aria-valuenow", unit);
    let size = "";
    if (shown !== null && unit >= this.#first && unit < this.#first + shown.shape[0]) {
      const cells = shown.shape[1] * shown.shape[2];
      const start = (unit - this.#first) * cells;
      size = formatValue(largestOf(shown.values, start, start + cells));
    }
    setAttribute(this.#picker, "aria-valuetext", t("layer_viewer.unit_text", { unit, size }));
  }
}

/** The picture: one canvas, and over each plane of cells what takes pointers, focus and keys. */

import { beginDrawing } from "../../../draw/screen_canvas.ts";
import type { Plane } from "../../../draw/cells.ts";
import { h, listen, setAttribute, setText } from "../../../shared/ui/dom.ts";
import { onEnd, react, track } from "../../../shared/lifetime.ts";
import { lastSize } from "../../../shared/ui/size.ts";
import { palette } from "./cell_looks.ts";
import type { Context } from "../context.ts";
import { drawLines } from "./line_drawing.ts";
import { layOutRows } from "./line_layout.ts";
import { drawPlanes } from "./plane_drawing.ts";
import { CAPTION, layOutPlanes } from "./plane_layout.ts";
import { reading } from "./reading.ts";
import { captionText, cellName } from "../formula/naming.ts";
import { field, type Part, same, type Target, touched } from "./touch.ts";

/** What a host without layout is taken to have. */
const SIZE = { width: 780, height: 300 };

/** A plane of cells that one can point at. */
interface Region {
  readonly part: Part;
  readonly layer: number;
  readonly plane: Plane;
  /** The target of the first cell. */
  readonly y: number;
  readonly x: number;
}

export function stage(context: Context): HTMLElement {
  const { lifetime, picture, focus, looks, theme, inChannel, outChannel } = context;
  const canvas = h("canvas", { "aria-hidden": "true" });
  const element = h("div", { class: "dl-stage" }, canvas);
  const surfaces = new Map<string, Surface>();
  let regions: readonly Region[] = [];

  const size = lastSize(element, SIZE);
  const draw = () => {
    const { width, height } = size();
    const shown = picture.peek();
    const target = focus.peek();
    const drawn = {
      target,
      touched: touched(shown, target),
      inChannel: inChannel.peek(),
      outChannel: outChannel.peek(),
      numbers: looks.numbers.shown.peek(),
      colors: looks.colors.shown.peek(),
      palette: palette(theme.peek()),
    };
    if (shown.settings.input_size.length === 2) {
      const layer = shown.layers[0]!;
      const layout = layOutPlanes(layer, width, height);
      drawPlanes(beginDrawing(canvas, width, Math.max(height, layout.height)), layout, {
        ...drawn,
        layer,
      });
      const { y, x } = layer;
      regions = [
        { part: "input", layer: 0, plane: layout.input, y: y.low, x: x.low },
        { part: "weight", layer: 0, plane: layout.weight, y: 0, x: 0 },
        { part: "output", layer: 0, plane: layout.output, y: 0, x: 0 },
      ];
    } else {
      const layout = layOutRows(shown, width, height);
      drawLines(beginDrawing(canvas, width, height), layout, {
        ...drawn,
        picture: shown,
        field: field(shown, target),
      });
      regions = [
        { part: "weight", layer: target.layer, plane: layout.weight, y: 0, x: 0 },
        ...layout.rows.map(({ plane, first }, row): Region => {
          const part = row === 0 ? "input" : "output";
          return { part, layer: Math.max(0, row - 1), plane, y: 0, x: first };
        }),
      ];
    }
    place();
  };

  const place = () => {
    const used = new Set<string>();
    for (const region of regions) {
      const name = region.part === "weight" ? "weight" : `${region.part}-${region.layer}`;
      used.add(name);
      let surface = surfaces.get(name);
      if (surface === undefined) {
        surface = new Surface(context, region);
        surfaces.set(name, surface);
        element.append(surface.element);
      }
      surface.place(region, regions.length);
    }
    for (const [name, surface] of surfaces) surface.element.hidden = !used.has(name);
  };

  react(lifetime, () => {
    track(picture, focus, theme, inChannel, outChannel, looks.numbers.shown, looks.colors.shown);
    draw();
  });
  const resized = new ResizeObserver(draw);
  resized.observe(element);
  onEnd(lifetime, () => resized.disconnect());
  return element;
}

/** What lies over a plane: one stop for the keyboard, in which arrow keys go from cell to cell. */
class Surface {
  readonly element = h("div", { class: "dl-plane", role: "slider", tabindex: 0 });
  readonly #caption = h("span", { class: "dl-caption", "aria-hidden": "true" });
  readonly #context: Context;
  #region: Region;
  #cell = 0;

  constructor(context: Context, region: Region) {
    this.#context = context;
    this.#region = region;
    this.element.append(this.#caption);
    const { lifetime, hovered } = context;
    const { element } = this;
    const leave = () => {
      if (element !== document.activeElement || !element.matches(":focus-visible")) {
        hovered.value = null;
      }
    };
    listen(element, "pointermove", lifetime, (event) => {
      if (event.pointerType !== "touch") this.#point(event);
    });
    listen(element, "pointerleave", lifetime, leave);
    listen(element, "click", lifetime, (event) => {
      this.#point(event);
      this.#pin();
      if (matchMedia("(hover: none)").matches) hovered.value = null;
    });
    listen(element, "focus", lifetime, () => {
      if (element.matches(":focus-visible")) hovered.value = this.#target();
    });
    listen(element, "blur", lifetime, () => (hovered.value = null));
    listen(element, "keydown", lifetime, (event) => this.#key(event));
  }

  place(region: Region, regions: number): void {
    this.#region = region;
    const { plane, part, layer } = region;
    const { left, top, width, height, rows, columns } = plane;
    const { element } = this;
    const line = this.#context.picture.peek().settings.input_size.length === 1;
    element.style.cssText = `left:${left}px;top:${top}px;width:${width * columns}px;height:${height * rows}px`;
    element.dataset["part"] = part;
    element.dataset["layer"] = String(layer);
    element.dataset["columns"] = String(columns);
    element.dataset["rows"] = String(rows);
    this.#caption.classList.toggle("dl-beside", line && part !== "weight");
    this.#caption.style.top = line && part !== "weight" ? "" : `${-CAPTION + 2}px`;
    this.#caption.style.left = line && part !== "weight" ? `${-left}px` : "";
    this.#caption.hidden = line && part !== "weight" && regions > 2 && left < 60;
    const name = captionText(this.#context, part, layer);
    setText(this.#caption, name);
    setAttribute(element, "aria-label", name);
    const focus = this.#context.focus.peek();
    const mine = focus.part === part && (part === "weight" || focus.layer === layer);
    if (mine) this.#cell = (focus.y - region.y) * columns + focus.x - region.x;
    this.#cell = Math.max(0, Math.min(rows * columns - 1, this.#cell));
    setAttribute(element, "aria-valuemin", 0);
    setAttribute(element, "aria-valuemax", rows * columns - 1);
    setAttribute(element, "aria-valuenow", this.#cell);
    // What others would say is worked out when they are looked at.
    const said = mine ? reading(this.#context, this.#target()) : null;
    const cell = said?.name ?? cellName(this.#context, this.#target());
    setAttribute(element, "aria-valuetext", [cell, ...(said?.lines ?? [])].join(" "));
  }

  #target(): Target {
    const { part, layer, plane, y, x } = this.#region;
    const row = Math.floor(this.#cell / plane.columns);
    return { part, layer, y: y + row, x: x + (this.#cell % plane.columns) };
  }

  #point(event: PointerEvent | MouseEvent): void {
    const { plane } = this.#region;
    const { left, top } = this.element.getBoundingClientRect();
    const clamp = (value: number, count: number) =>
      Math.max(0, Math.min(count - 1, Math.floor(value)));
    const row = clamp((event.clientY - top) / plane.height, plane.rows);
    const column = clamp((event.clientX - left) / plane.width, plane.columns);
    this.#cell = row * plane.columns + column;
    const { hovered } = this.#context;
    const target = this.#target();
    if (!same(hovered.peek(), target)) hovered.value = target;
  }

  #pin(): void {
    const { pinned, playing, position, picture } = this.#context;
    const target = this.#target();
    pinned.value = same(pinned.peek(), target) ? null : target;
    playing.value = false;
    const { layers } = picture.peek();
    if (target.part === "output" && target.layer === layers.length - 1) {
      position.value = target.y * layers.at(-1)!.x.outputs + target.x;
    }
  }

  #key(event: KeyboardEvent): void {
    const { plane } = this.#region;
    const { hovered, pinned } = this.#context;
    const count = plane.rows * plane.columns;
    const steps: Readonly<Record<string, number>> = {
      ArrowLeft: -1,
      ArrowRight: 1,
      ArrowUp: plane.rows > 1 ? -plane.columns : 1,
      ArrowDown: plane.rows > 1 ? plane.columns : -1,
      Home: -count,
      End: count,
    };
    const step = steps[event.key];
    if (step !== undefined) {
      const to = this.#cell + step;
      const inside = Math.abs(step) === count ? Math.max(0, Math.min(count - 1, to)) : to;
      if (inside >= 0 && inside < count) this.#cell = inside;
      hovered.value = this.#target();
    } else if (event.key === "Enter" || event.key === " ") this.#pin();
    else if (event.key === "Escape" && pinned.peek() !== null) pinned.value = null;
    else return;
    event.preventDefault();
    // JupyterLab has other plans for these keys.
    event.stopPropagation();
  }
}

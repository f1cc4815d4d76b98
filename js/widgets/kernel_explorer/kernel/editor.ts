/** The kernel as a grid of fields: type, drag, or press the arrow keys. */

import { h, listen, setAttribute } from "../../../shared/ui/dom.ts";
import { parseNumber } from "../../../shared/format.ts";
import { react, within } from "../../../shared/lifetime.ts";
import type { Context } from "../context.ts";
import type { Kernels } from "../scene/convolution.ts";
import { calmly, numberPanel } from "./number_panel.ts";
import { formatFloat, nudged, stepFor } from "./numbers.ts";

/** Pixels to drag for one step. */
const DRAG = 4;

/** The kernel that is shown and edited: the channel's own, or the one for all. */
export function shownKernel({ stage, settings }: Context, kernels: Kernels): number {
  const alone = kernels.length === 1 || settings.channels.shown.value === "grey";
  return alone ? 0 : Math.min(stage.plane.value, kernels.length - 1);
}

export function kernelEditor(context: Context): HTMLElement {
  const { t, tips, warn, kernels, edits, command, choices, lifetime } = context;
  const grid = h("div", {
    class: "dl-grid dl-editor",
    role: "group",
    "aria-label": t("kernel_explorer.kernel"),
  });
  tips.describe(grid, t("kernel_explorer.kernel"), t("kernel_explorer.tip_cells"));
  // The numbers are drawn beneath the fields, which are empty until one types: a hundred fields are
  // slow to change with every frame.
  const panel = numberPanel(t("kernel_explorer.kernel"), lifetime);
  panel.element.setAttribute("aria-hidden", "true");
  let cells: HTMLInputElement[] = [];
  let built = within(lifetime);
  /** The cell that is typed into keeps its text. */
  let typing: HTMLInputElement | null = null;
  let step = 0.1;

  const current = (): readonly (readonly number[])[] => {
    const all = kernels.shown.peek();
    return all[shownKernel(context, all)]!;
  };
  const set = (index: number, value: number) => {
    const all = kernels.shown.peek();
    const shown = shownKernel(context, all);
    const size = all[0]!.length;
    const held = Math.fround(Math.max(-choices.value, Math.min(choices.value, value)));
    kernels.set(
      all.map((kernel, n) =>
        n !== shown
          ? kernel
          : kernel.map((row, y) => row.map((old, x) => (y * size + x === index ? held : old))),
      ),
    );
  };
  const valueAt = (index: number) => current().flat()[index] ?? 0;
  const nudge = (index: number, by: number) => set(index, nudged(valueAt(index), by, step));

  const build = (size: number) => {
    const focused = cells.findIndex((cell) => cell === document.activeElement);
    built.abort();
    built = within(lifetime);
    cells = Array.from({ length: size * size }, (_, index) => cell(index, size));
    grid.replaceChildren(...cells);
    grid.style.setProperty("--dl-size", String(size));
    grid.dataset["size"] = String(size);
    if (focused >= 0) cells[Math.min(focused, cells.length - 1)]?.focus();
  };

  const calm = calmly(lifetime);
  react(lifetime, () => {
    const all = kernels.shown.value;
    const kernel = all[shownKernel(context, all)]!;
    if (cells.length !== kernel.length ** 2) build(kernel.length);
    const values = kernel.flat();
    const largest = Math.max(...values.map(Math.abs));
    const scale = { height: 0, width: 0, planes: [], low: -largest, high: largest, signed: true };
    calm(kernel.length, () => panel.show(kernel.length, values, scale));
    values.forEach((value, index) => {
      const input = cells[index]!;
      setAttribute(input, "aria-valuenow", value);
      setAttribute(input, "data-value", value);
      if (input !== document.activeElement || input === typing) return;
      const text = formatFloat(value);
      if (input.value !== text) input.value = text;
    });
  });
  return h("div", { class: "dl-kernel-grid" }, panel.element, grid);

  function cell(index: number, size: number): HTMLInputElement {
    const { signal } = built;
    const [row, column] = [Math.floor(index / size), index % size];
    const input = h("input", {
      type: "text",
      inputmode: "decimal",
      autocomplete: "off",
      role: "spinbutton",
      // One stop for the tab key; arrow keys go from cell to cell.
      tabindex: index === 0 ? 0 : -1,
      "aria-label": t("kernel_explorer.cell", { row: row + 1, column: column + 1 }),
    });
    let start: { x: number; y: number; value: number } | null = null;
    let dragged = false;

    const commit = () => {
      if (typing !== input) return;
      typing = null;
      const value = parseNumber(input.value);
      if (value !== null) set(index, value);
      else {
        const kept = formatFloat(valueAt(index));
        const label = input.getAttribute("aria-label");
        warn(t("view.not_a_number", { given: input.value, label, kept }));
      }
      input.value = formatFloat(valueAt(index));
    };
    const go = (to: number) => {
      const target = cells[to];
      if (target === undefined) return;
      for (const other of cells) other.tabIndex = other === target ? 0 : -1;
      target.focus();
    };

    listen(input, "focus", signal, () => {
      for (const other of cells) other.tabIndex = other === input ? 0 : -1;
      input.value = formatFloat(valueAt(index));
      step = stepFor(current().flat());
      input.select();
    });
    listen(input, "input", signal, () => {
      typing = input;
      // Numbers take effect while they are typed.
      const value = parseNumber(input.value);
      if (value !== null) set(index, value);
    });
    listen(input, "change", signal, commit);
    listen(input, "blur", signal, () => {
      commit();
      input.value = "";
    });
    listen(input, "keydown", signal, (event) => {
      const wide = typing !== input;
      const by = event.shiftKey ? 10 : event.altKey ? 0.1 : 1;
      const moves: Record<string, () => void> = {
        ArrowUp: () => (event.ctrlKey ? go(index - size) : nudge(index, by)),
        ArrowDown: () => (event.ctrlKey ? go(index + size) : nudge(index, -by)),
        PageUp: () => nudge(index, 10),
        PageDown: () => nudge(index, -10),
        Enter: () => {
          commit();
          go(index + size < cells.length ? index + size : (index + 1) % size);
        },
        ...(wide
          ? {
              ArrowLeft: () => go(index - 1),
              ArrowRight: () => go(index + 1),
              Home: () => go(index - column),
              End: () => go(index - column + size - 1),
            }
          : {}),
      };
      if (event.key === "Escape" && typing === input) {
        typing = null;
        input.value = formatFloat(valueAt(index));
        event.stopPropagation();
        return;
      }
      if (event.key === "z" && (event.ctrlKey || event.metaKey) && typing !== input) {
        // JupyterLab would take back something in the notebook.
        event.preventDefault();
        event.stopPropagation();
        if (edits.peek() > 0) command("kernel.revert");
        return;
      }
      const move = moves[event.key];
      if (move === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      if (event.key.startsWith("Arrow") || event.key.startsWith("Page")) typing = null;
      move();
    });

    listen(input, "pointerdown", signal, (event) => {
      if (event.button !== 0) return;
      step = stepFor(current().flat());
      start = { x: event.clientX, y: event.clientY, value: valueAt(index) };
      dragged = false;
    });
    listen(input, "pointermove", signal, (event) => {
      if (start === null) return;
      // A finger that moves up or down scrolls the page.
      const across = event.clientX - start.x;
      const way = event.pointerType === "touch" ? across : across + start.y - event.clientY;
      if (!dragged && Math.abs(way) < DRAG) return;
      if (!dragged) {
        dragged = true;
        input.setPointerCapture(event.pointerId);
        input.blur();
        grid.toggleAttribute("data-dragging", true);
      }
      const by = Math.round(way / DRAG) * (event.shiftKey ? 10 : 1);
      set(index, nudged(start.value, by, step));
    });
    const end = () => {
      start = null;
      grid.toggleAttribute("data-dragging", false);
    };
    listen(input, "pointerup", signal, end);
    listen(input, "pointercancel", signal, end);
    return input;
  }
}

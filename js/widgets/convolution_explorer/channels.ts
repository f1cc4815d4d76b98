/** The channels as small maps: which input and which output channel are drawn large. */

import { beginDrawing } from "../../draw/screen_canvas.ts";
import { h, listen, setText } from "../../shared/ui/dom.ts";
import { react, track } from "../../shared/lifetime.ts";
import { scaleOf, valueColor } from "./stage/cell_looks.ts";
import type { Context } from "./context.ts";
import type { Picture } from "./stage/picture.ts";
import { cellOf, type Target, touched } from "./stage/touch.ts";

const SIDE = 30;
/** More than these are looked at in parts. */
const MOST = 8;

export function channelBar(context: Context): HTMLElement {
  const { lifetime, picture } = context;
  const element = h(
    "div",
    { class: "dl-channels" },
    strip(context, "input"),
    strip(context, "output"),
  );
  react(lifetime, () => {
    const { in_channels, out_channels } = picture.value.settings;
    element.hidden = in_channels === 1 && out_channels === 1;
  });
  return element;
}

function strip(context: Context, part: "input" | "output"): HTMLElement {
  const { t, lifetime, picture, focus, theme, inChannel, outChannel } = context;
  const label = h("span", { class: "dl-label" });
  const maps = Array.from({ length: MOST }, () => {
    const canvas = h("canvas", { "aria-hidden": "true" });
    const mark = h("span", { class: "dl-mark" });
    const button = h("button", { type: "button", class: "dl-thumb" }, canvas, mark);
    return { canvas, mark, button };
  });
  const element = h(
    "div",
    { class: "dl-strip", role: "group" },
    label,
    ...maps.map(({ button }) => button),
  );
  let first = 0;
  const current = part === "input" ? inChannel : outChannel;
  const countOf = () => {
    const { in_channels, out_channels } = picture.peek().settings;
    return part === "input" ? in_channels : out_channels;
  };
  maps.forEach(({ button }, place) =>
    listen(button, "click", lifetime, () => context.chooseChannel(part, first + place)),
  );
  listen(element, "keydown", lifetime, (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    const to = Math.max(0, Math.min(countOf() - 1, current.peek() + step));
    context.chooseChannel(part, to);
    maps[current.peek() - first]?.button.focus();
  });
  react(lifetime, () => {
    track(picture, current, inChannel, outChannel, theme);
    const count = countOf();
    first = Math.max(0, Math.min(current.value - MOST / 2, count - MOST));
    const name = t(`convolution_explorer.${part}_channel`);
    setText(
      label,
      t("convolution_explorer.channel_of", { name, channel: current.value, last: count - 1 }),
    );
    element.setAttribute("aria-label", name);
    const layer = picture.value.layers[0]!;
    const joined = layer.inputsOf(outChannel.value);
    maps.forEach(({ button, canvas }, place) => {
      const channel = first + place;
      button.hidden = channel >= count;
      if (button.hidden) return;
      button.setAttribute("aria-label", `${name} ${channel}`);
      button.setAttribute("aria-pressed", String(channel === current.value));
      button.tabIndex = channel === current.value ? 0 : -1;
      // Channels of other groups take no part in the output that is shown.
      button.toggleAttribute("data-apart", part === "input" && !joined.includes(channel));
      drawMap(context, canvas, part, channel);
    });
  });
  react(lifetime, () => {
    track(picture, current, inChannel, outChannel);
    const box = touchedBox(picture.value, focus.value, part);
    maps.forEach(({ mark, button }, place) => {
      const other = part === "output" && first + place !== outChannel.value;
      mark.hidden = box === null || other || button.hasAttribute("data-apart");
      if (!mark.hidden) mark.style.cssText = box!;
    });
  });
  return element;
}

function drawMap(
  { picture }: Context,
  canvas: HTMLCanvasElement,
  part: "input" | "output",
  channel: number,
): void {
  const layer = picture.peek().layers[0]!;
  const { y, x } = layer;
  const input = part === "input";
  const values = input
    ? layer.input.subarray(channel * layer.inPlane, (channel + 1) * layer.inPlane)
    : layer.output(channel);
  const [rows, columns] = input ? [y.size, x.size] : [y.outputs, x.outputs];
  const scale = scaleOf(values);
  const context = beginDrawing(canvas, SIDE, SIDE);
  const [width, height] = [SIDE / columns, SIDE / rows];
  values.forEach((value, place) => {
    context.fillStyle = valueColor(value, scale).fill;
    const [row, column] = [Math.floor(place / columns), place % columns];
    context.fillRect(column * width, row * height, width + 0.5, height + 0.5);
  });
}

/** The box around all cells of a plane that the target touches, as a style; null without any. */
function touchedBox(picture: Picture, target: Target, part: "input" | "output"): string | null {
  const { y, x } = picture.layers[0]!;
  if (target.layer > 0) return null;
  const shown = touched(picture, target);
  const input = part === "input";
  const [rows, columns]: [number[], number[]] = [[], []];
  for (const [row, column] of [...(input ? shown.inputs : shown.outputs).keys()].map(cellOf)) {
    const [from, to] = input ? [y.source(row), x.source(column)] : [row, column];
    if (from === null || to === null) continue;
    rows.push(from);
    columns.push(to);
  }
  if (rows.length === 0) return null;
  const [high, wide] = input ? [y.size, x.size] : [y.outputs, x.outputs];
  const side = (places: readonly number[], count: number) => {
    const first = Math.min(...places);
    const share = (cells: number) => `${(100 * cells) / count}%`;
    return [share(first), share(Math.max(...places) - first + 1)] as const;
  };
  const [top, height] = side(rows, high);
  const [left, width] = side(columns, wide);
  return `top:${top};height:${height};left:${left};width:${width}`;
}

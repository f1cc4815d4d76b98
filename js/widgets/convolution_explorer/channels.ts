/** The channels as small maps: which input and which output channel are drawn large. */

import { beginDrawing } from "../../draw/screen_canvas.ts";
import { h, listen, setText } from "../../shared/dom.ts";
import { react, track } from "../../shared/lifetime.ts";
import { palette, scaleOf, valueColor } from "./cell_looks.ts";
import type { Context } from "./context.ts";
import { cellOf, touched } from "./touch.ts";

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
    return { canvas, button: h("button", { type: "button", class: "dl-thumb" }, canvas) };
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
    track(picture, current, inChannel, outChannel, focus, theme);
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
  return element;
}

function drawMap(
  { picture, focus, theme, outChannel }: Context,
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
  const target = focus.peek();
  const shown = touched(picture.peek(), target);
  const joined = layer.inputsOf(outChannel.peek()).includes(channel);
  if (input ? !joined : channel !== outChannel.peek()) return;
  context.strokeStyle = palette(theme.peek()).text;
  context.lineWidth = 1.5;
  const cells = [...(input ? shown.inputs : shown.outputs).keys()].map(cellOf);
  const places = cells
    .map(([row, column]) => (input ? [y.source(row), x.source(column)] : [row, column]))
    .filter((at): at is [number, number] => !at.includes(null));
  if (places.length === 0) return;
  const [top, left] = [0, 1].map((dim) => Math.min(...places.map((at) => at[dim]!))) as [
    number,
    number,
  ];
  const [bottom, right] = [0, 1].map((dim) => Math.max(...places.map((at) => at[dim]!))) as [
    number,
    number,
  ];
  context.strokeRect(
    left * width + 0.75,
    top * height + 0.75,
    (right - left + 1) * width - 1.5,
    (bottom - top + 1) * height - 1.5,
  );
}

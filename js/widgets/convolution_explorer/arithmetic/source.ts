/** The line of PyTorch that makes the layer, as `source` in Python writes it. */

import { layerAxes } from "./axis.ts";
import { isPool, layerName, neutral, type Settings, type Sizes } from "./settings.ts";

export function source(settings: Settings): string {
  const parts: string[] = [];
  layerAxes(settings).forEach((axes, layer) => {
    if (settings.padding === "causal") {
      parts.push(`nn.ConstantPad1d((${axes[0]!.before}, 0), 0.0)`);
    }
    parts.push(
      `${layerName(settings)}(${[...positional(settings), ...named(settings, layer)].join(", ")})`,
    );
  });
  return parts.length === 1 ? parts[0]! : `nn.Sequential(${parts.join(", ")})`;
}

function positional(settings: Settings): string[] {
  const channels = [settings.in_channels, settings.out_channels].map(String);
  return [...(isPool(settings) ? [] : channels), short(settings.kernel_size)];
}

function named(settings: Settings, layer: number): string[] {
  const { kernel_size, padding, divisor_override } = settings;
  const nothing = neutral(kernel_size.length, 1);
  const given: string[] = [];
  const add = (name: string, sizes: Sizes, usual: Sizes) => {
    if (sizes.join() !== usual.join()) given.push(`${name}=${short(sizes)}`);
  };
  add("stride", settings.stride, isPool(settings) ? kernel_size : nothing.stride);
  if (typeof padding !== "string") add("padding", padding, nothing.padding as Sizes);
  else if (padding !== "causal") given.push(`padding="${padding}"`);
  add("output_padding", settings.output_padding, nothing.output_padding);
  const dilation = settings.dilation.map((step) => step * 2 ** layer);
  add("dilation", dilation, nothing.dilation);
  if (settings.groups !== 1) given.push(`groups=${settings.groups}`);
  if (!isPool(settings) && !settings.bias) given.push("bias=False");
  if (settings.padding_mode !== "zeros") given.push(`padding_mode="${settings.padding_mode}"`);
  if (settings.ceil_mode) given.push("ceil_mode=True");
  if (!settings.count_include_pad) given.push("count_include_pad=False");
  if (divisor_override !== null) given.push(`divisor_override=${divisor_override}`);
  return given;
}

function short(sizes: Sizes): string {
  return sizes.every((size) => size === sizes[0]) ? String(sizes[0]) : `(${sizes.join(", ")})`;
}

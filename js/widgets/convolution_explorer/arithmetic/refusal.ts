/** What torch refuses of a setting: the keys and parameters of the kernel's own sentences. */

import { type Axis, layerAxes } from "./axis.ts";
import {
  count,
  type Field,
  isPool,
  layerName,
  neutral,
  type Settings,
  takes,
  weightShape,
} from "./settings.ts";

export interface Refusal {
  readonly key: string;
  readonly params: Readonly<Record<string, string>>;
  /** The fields that it is about. */
  readonly fields: readonly Field[];
}

const LONGEST = [0, 1024, 64];
const LARGEST_KERNEL = [0, 64, 15];
const MOST_CHANNELS = 512;
const MOST_WEIGHTS = 1_000_000;
const MOST_LAYERS = 10;

/** The smallest and the largest number that can be shown for a field. */
export function bounds(field: Field, dims: number): readonly [low: number, high: number] {
  const kernel = LARGEST_KERNEL[dims]!;
  switch (field) {
    case "input_size":
      return [1, LONGEST[dims]!];
    case "kernel_size":
      return [1, kernel];
    case "stride":
      return [1, 16];
    case "padding":
      return [0, kernel];
    case "dilation":
      return [1, dims === 1 ? 512 : 16];
    case "output_padding":
      return [0, 15];
    case "layers":
      return [1, MOST_LAYERS];
    default:
      return [1, MOST_CHANNELS];
  }
}

export function refusal(settings: Settings): Refusal | null {
  return (
    notTaken(settings) ??
    (isPool(settings) ? null : channelsRefused(settings)) ??
    strideRefused(settings) ??
    sizesRefused(settings)
  );
}

/** A field that this kind of layer does not have: Python refuses it, and the view never asks. */
function notTaken(settings: Settings): Refusal | null {
  const { kind, padding, layers, in_channels, out_channels, padding_mode, input_size } = settings;
  const dims = input_size.length;
  const nothing = neutral(dims, in_channels);
  for (const name of Object.keys(nothing) as Field[]) {
    if (name === "layers" || takes(settings, name)) continue;
    if (JSON.stringify(settings[name]) === JSON.stringify(nothing[name])) continue;
    return refuse("conv_not_taken", { layer: layerName(settings), name }, name);
  }
  if (typeof padding === "string" && (kind !== "conv" || (padding === "causal" && dims === 2))) {
    const params = { layer: layerName(settings), given: `'${padding}'` };
    return refuse("conv_padding_word", params, "padding");
  }
  if (layers > 1 && (dims === 2 || in_channels !== 1 || out_channels !== 1)) {
    return refuse("conv_stack", { layers }, "layers");
  }
  if (padding === "causal" && padding_mode !== "zeros") {
    return refuse("conv_causal_zeros", { given: padding_mode }, "padding_mode");
  }
  return null;
}

function channelsRefused(settings: Settings): Refusal | null {
  const { groups } = settings;
  for (const name of ["in_channels", "out_channels"] as const) {
    const channels = settings[name];
    if (channels % groups === 0) continue;
    const key = name === "in_channels" ? "conv_groups_in" : "conv_groups_out";
    return refuse(key, { channels, groups }, name, "groups");
  }
  const weights = count(weightShape(settings));
  if (weights <= MOST_WEIGHTS) return null;
  const params = { count: weights, most: MOST_WEIGHTS };
  return refuse("conv_weights", params, "in_channels", "out_channels");
}

function strideRefused({ padding, stride }: Settings): Refusal | null {
  if (padding !== "same" || stride.every((step) => step === 1)) return null;
  return refuse("conv_same_strided", { stride: text(stride) }, "stride", "padding");
}

function sizesRefused(settings: Settings): Refusal | null {
  // A layer that is refused gives no sizes to the next.
  for (let layers = 1; layers <= settings.layers; layers++) {
    const axes = layerAxes({ ...settings, layers }).at(-1)!;
    const refused =
      settings.kind === "conv_transpose"
        ? transposedRefused(axes)
        : isPool(settings)
          ? poolRefused(axes)
          : convRefused(settings, axes);
    if (refused !== null) return refused;
  }
  return null;
}

function convRefused({ padding_mode }: Settings, axes: readonly Axis[]): Refusal | null {
  for (const { before, behind, size } of axes) {
    const padding = Math.max(before, behind);
    if (padding_mode === "reflect" && padding >= size) {
      return refuse("conv_reflect", { padding, size }, "padding", "padding_mode");
    }
    if (padding_mode === "circular" && padding > size) {
      return refuse("conv_circular", { padding, size }, "padding", "padding_mode");
    }
  }
  const padded = axes.map(paddedSize);
  if (axes.every((axis, dim) => axis.span <= padded[dim]!)) return null;
  const params = {
    span: text(axes.map((axis) => axis.span)),
    padded: text(padded),
    kernel: text(axes.map((axis) => axis.kernel)),
    dilation: text(axes.map((axis) => axis.dilation)),
  };
  return refuse("conv_kernel_large", params, "kernel_size", "input_size");
}

function transposedRefused(axes: readonly Axis[]): Refusal | null {
  for (const { outputPadding, stride, dilation } of axes) {
    if (outputPadding < Math.max(stride, dilation)) continue;
    const params = { given: outputPadding, stride, dilation };
    return refuse("conv_output_padding", params, "output_padding");
  }
  const output = text(axes.map((axis) => axis.outputs));
  if (axes.some((axis) => axis.outputs < 1)) {
    return refuse("conv_output_small", { output }, "padding");
  }
  const most = 2 * LONGEST[axes.length]!;
  if (axes.every((axis) => axis.outputs <= most)) return null;
  const params = { output, most: text(axes.map(() => most)) };
  return refuse("conv_output_large", params, "stride", "input_size");
}

function poolRefused(axes: readonly Axis[]): Refusal | null {
  for (const { before, kernel } of axes) {
    if (before <= Math.floor(kernel / 2)) continue;
    return refuse("conv_pool_padding", { padding: before, kernel }, "padding", "kernel_size");
  }
  if (axes.every((axis) => axis.outputs >= 1)) return null;
  const params = {
    output: text(axes.map((axis) => axis.outputs)),
    span: text(axes.map((axis) => axis.span)),
    padded: text(axes.map(paddedSize)),
  };
  return refuse("conv_pool_small", params, "kernel_size", "input_size");
}

function paddedSize({ size, before, behind }: Axis): number {
  return size + before + behind;
}

export function refuse(
  key: string,
  params: Readonly<Record<string, string | number>>,
  ...fields: Field[]
): Refusal {
  const texts = Object.entries(params).map(([name, value]) => [name, String(value)]);
  return { key, params: Object.fromEntries(texts) as Record<string, string>, fields };
}

function text(sizes: readonly number[]): string {
  return sizes.join(" × ");
}

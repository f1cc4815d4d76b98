/** What `dl_lab.convolution.arithmetic.Convolution` is in Python, field by field. */

export type Kind = "conv" | "conv_transpose" | "max_pool" | "avg_pool";
export type PaddingWord = "valid" | "same" | "causal";
export type Sizes = readonly number[];

export const KINDS = ["conv", "conv_transpose", "max_pool", "avg_pool"] as const;
export const PADDING_MODES = ["zeros", "reflect", "replicate", "circular"] as const;
export type PaddingMode = (typeof PADDING_MODES)[number];

export interface Settings {
  readonly kind: Kind;
  readonly input_size: Sizes;
  readonly kernel_size: Sizes;
  readonly stride: Sizes;
  readonly padding: Sizes | PaddingWord;
  readonly dilation: Sizes;
  readonly output_padding: Sizes;
  readonly in_channels: number;
  readonly out_channels: number;
  readonly groups: number;
  readonly bias: boolean;
  readonly padding_mode: PaddingMode;
  readonly ceil_mode: boolean;
  readonly count_include_pad: boolean;
  readonly divisor_override: number | null;
  readonly layers: number;
}

export type Field = keyof Settings;

export const SIZED = [
  "input_size",
  "kernel_size",
  "stride",
  "padding",
  "dilation",
  "output_padding",
] as const;
export const COUNTS = ["in_channels", "out_channels", "groups", "layers"] as const;

const EVERY: readonly Field[] = ["input_size", "kernel_size", "stride", "padding", "in_channels"];
const WEIGHTED: readonly Field[] = ["out_channels", "groups", "bias", "dilation"];
const TAKES: Readonly<Record<Kind, readonly Field[]>> = {
  conv: [...EVERY, ...WEIGHTED, "padding_mode", "layers"],
  conv_transpose: [...EVERY, ...WEIGHTED, "output_padding"],
  max_pool: [...EVERY, "dilation", "ceil_mode"],
  avg_pool: [...EVERY, "ceil_mode", "count_include_pad", "divisor_override"],
};

/** Whether a field does something for this kind of layer and this number of dimensions. */
export function takes({ kind, input_size }: Settings, field: Field): boolean {
  if (field === "kind") return true;
  if (field === "layers" && input_size.length === 2) return false;
  if (field === "divisor_override" && input_size.length === 1) return false;
  return TAKES[kind].includes(field);
}

export function isPool({ kind }: Settings): boolean {
  return kind === "max_pool" || kind === "avg_pool";
}

/** The fields that do nothing, for `dims` dimensions. */
export function neutral(dims: number, channels: number): Settings {
  const all = (size: number): Sizes => Array.from({ length: dims }, () => size);
  return {
    kind: "conv",
    input_size: all(5),
    kernel_size: all(3),
    stride: all(1),
    padding: all(0),
    dilation: all(1),
    output_padding: all(0),
    in_channels: 1,
    out_channels: channels,
    groups: 1,
    bias: false,
    padding_mode: "zeros",
    ceil_mode: false,
    count_include_pad: true,
    divisor_override: null,
    layers: 1,
  };
}

/** Shape of the weight as torch has it; [] for a pool. */
export function weightShape(settings: Settings): Sizes {
  if (isPool(settings)) return [];
  const { in_channels, out_channels, groups, kernel_size } = settings;
  const [first, second] =
    settings.kind === "conv_transpose" ? [in_channels, out_channels] : [out_channels, in_channels];
  return [first, Math.floor(second / groups), ...kernel_size];
}

export function count(shape: Sizes): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Weights and biases of all layers. */
export function parameterCount(settings: Settings): number {
  if (isPool(settings)) return 0;
  const biases = settings.bias ? settings.out_channels : 0;
  return settings.layers * (count(weightShape(settings)) + biases);
}

/** The name of torch's class. */
export function layerName({ kind, input_size }: Settings): string {
  const names = {
    conv: "Conv",
    conv_transpose: "ConvTranspose",
    max_pool: "MaxPool",
    avg_pool: "AvgPool",
  };
  return `nn.${names[kind]}${input_size.length}d`;
}

/** The same text for the same settings, in whatever order they came. */
export function ordered(settings: Settings): string {
  return JSON.stringify(Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** What planes and cells are called: the tensors x, w and y with their indices, as in torch. */

import type { Context } from "../context.ts";
import type { Part, Target } from "../stage/touch.ts";

export function captionText({ t, picture }: Context, part: Part, layer: number): string {
  const { settings, layers } = picture.value;
  const times = (sizes: readonly number[]) => sizes.join(" × ");
  if (part === "input")
    return t("convolution_explorer.input_of", { size: times(settings.input_size) });
  if (part === "weight") {
    const size = times(settings.kernel_size);
    if (layers[0]!.weight.length === 0) return t("convolution_explorer.window_of", { size });
    return t("convolution_explorer.kernel_of", { size });
  }
  const { y, x } = layers[layer]!;
  if (layers.length > 1) {
    return t("convolution_explorer.layer_of", { layer: layer + 1, dilation: x.dilation });
  }
  const size = settings.input_size.length === 2 ? [y.outputs, x.outputs] : [x.outputs];
  return t("convolution_explorer.output_of", { size: times(size) });
}

/** "1 output", "9 outputs". */
export function counted(
  { t }: Pick<Context, "t">,
  what: "row" | "column" | "cell" | "input" | "output",
  count: number,
): string {
  return t(`convolution_explorer.${what}_${count === 1 ? "one" : "many"}`, { count });
}

/** y[1, 0, 2], w[1, 0, 2, 2], x[0, 3, 4]; padding and inserted zeros have no index. */
export function cellName(context: Context, { part, layer, y, x }: Target): string {
  const { picture, inChannel, outChannel } = context;
  const { settings, layers } = picture.value;
  const shown = layers[layer]!;
  const cell = (name: string, channels: readonly number[], row: number, column: number) =>
    `${name}[${[...channels, ...(settings.input_size.length === 2 ? [row] : []), column].join(", ")}]`;
  if (part === "output") {
    const name = layers.length > 1 && layer + 1 < layers.length ? `h${layer + 1}` : "y";
    return cell(name, [outChannel.value], y, x);
  }
  if (part === "weight") {
    if (shown.weight.length === 0) return context.t("convolution_explorer.window_cell");
    const [to, from] = [outChannel.value, inChannel.value];
    const pair =
      settings.kind === "conv_transpose"
        ? [from, to % shown.groupOutputs]
        : [to, from - shown.firstInput(to)];
    return cell(layers.length > 1 ? `w${layer + 1}` : "w", pair, y, x);
  }
  const [row, column] = [shown.y.source(y), shown.x.source(x)];
  if (row === null || column === null) {
    const inserted = [shown.y.role(y), shown.x.role(x)].includes("inserted");
    const outside = [shown.y.role(y), shown.x.role(x)].includes("outside");
    const padding = [shown.y.role(y), shown.x.role(x)].includes("padding");
    const role = outside ? "outside" : inserted && !padding ? "inserted" : "padding";
    return context.t(`convolution_explorer.${role}_cell`);
  }
  return cell("x", [inChannel.value], row, column);
}

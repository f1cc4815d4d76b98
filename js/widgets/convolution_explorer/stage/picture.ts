/** What is on screen: the settings with their numbers, every layer computed when it is looked at. */

import { layerAxes } from "../arithmetic/axis.ts";
import { exampleBias, exampleInput, exampleWeight } from "../arithmetic/example.ts";
import { Layer } from "../arithmetic/layer.ts";
import { isPool, type Kind, type Settings, weightShape } from "../arithmetic/settings.ts";
import type { Message } from "../../../shared/kernel/protocol.ts";

/** The numbers of the layer and the input that were given in Python, where they were. */
export interface OwnValues {
  readonly kind: Kind | null;
  readonly weight: Numbers | null;
  readonly bias: Numbers | null;
  readonly input: Numbers | null;
}

interface Numbers {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

export const NOTHING: OwnValues = { kind: null, weight: null, bias: null, input: null };

export function readOwnValues({ meta, arrays }: Message): OwnValues {
  const numbers = (name: string): Numbers | null => {
    const array = arrays[name];
    if (array === undefined) return null;
    return { shape: array.shape, values: Float32Array.from(array.values) };
  };
  return {
    kind: typeof meta["kind"] === "string" ? (meta["kind"] as Kind) : null,
    weight: numbers("weight"),
    bias: numbers("bias"),
    input: numbers("input"),
  };
}

export interface Picture {
  readonly settings: Settings;
  /** One, or those of a stack. */
  readonly layers: readonly Layer[];
  /** Whether its weights are those that were given. */
  readonly own: boolean;
}

export function makePicture(settings: Settings, own: OwnValues): Picture {
  const fits = (numbers: Numbers | null, shape: readonly number[]) =>
    numbers !== null && shape.length > 0 && numbers.shape.join() === shape.join();
  const shape = weightShape(settings);
  const ownWeight = settings.layers === 1 && own.kind === settings.kind && fits(own.weight, shape);
  const ownBias = ownWeight && fits(own.bias, [settings.out_channels]);
  const ownInput = fits(own.input, [settings.in_channels, ...settings.input_size]);
  const none = new Float32Array();
  let values = ownInput ? own.input!.values : exampleInput(settings);
  const axes = layerAxes(settings);
  const layers = axes.map((layer, place) => {
    const weight = isPool(settings)
      ? none
      : ownWeight
        ? own.weight!.values
        : exampleWeight(settings, place);
    const bias = settings.bias ? (ownBias ? own.bias!.values : exampleBias(settings)) : none;
    const made = new Layer(settings, layer, values, weight, bias);
    if (place + 1 < axes.length) values = made.output(0);
    return made;
  });
  return { settings, layers, own: ownWeight || ownInput };
}

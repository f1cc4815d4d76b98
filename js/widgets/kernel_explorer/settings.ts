/** The traits of a KernelExplorer, as `docs/protocol.md` lists them. */

import { computed, type ReadonlySignal } from "@preact/signals-core";

import { onEnd, within } from "../../shared/lifetime.ts";
import { type Model, Optimistic, trait } from "../../shared/kernel/traits.ts";
import type { Rpc } from "../../shared/kernel/rpc.ts";
import type { Kernels } from "./scene/convolution.ts";
import type { Channels, Filter, PaddingMode } from "./kernel/filter.ts";

/** Between two messages about a kernel that is being edited. */
const REST_MS = 100;

export type Display = "clipped" | "stretched" | "signed";

export interface SettingValues {
  channels: Channels;
  padding: number | "same";
  padding_mode: PaddingMode;
  stride: number;
  dilation: number;
  bias: number;
  size: number;
  sigma: number;
  angle: number;
  wavelength: number;
  seed: number;
  display: Display;
}

export type SettingName = keyof SettingValues;
export type Settings = { readonly [K in SettingName]: Optimistic<SettingValues[K]> };

const NAMES = [
  "channels",
  "padding",
  "padding_mode",
  "stride",
  "dilation",
  "bias",
  "size",
  "sigma",
  "angle",
  "wavelength",
  "seed",
  "display",
] as const satisfies readonly SettingName[];

export type Interval = readonly [low: number, high: number, step: number];

export interface Choices {
  /** Name → the parameters that it depends on. */
  readonly presets: Readonly<Record<string, readonly SettingName[]>>;
  readonly channels: readonly Channels[];
  readonly padding_mode: readonly PaddingMode[];
  readonly display: readonly Display[];
  readonly padding: Interval;
  readonly size: Interval;
  readonly stride: Interval;
  readonly dilation: Interval;
  readonly sigma: Interval;
  readonly angle: Interval;
  readonly wavelength: Interval;
  /** The largest number that a kernel may hold. */
  readonly value: number;
}

/** The layer that filters come from. */
export interface Filters {
  readonly layer: string;
  readonly count: number;
  readonly channels: number;
  readonly groups: number;
  readonly size: number;
  readonly filter: number | null;
  readonly channel: number | null;
  /** How often something was written that can be undone. */
  readonly written: number;
}

export interface Traits {
  readonly settings: Settings;
  readonly kernels: Optimistic<Kernels>;
  readonly presets: ReadonlySignal<readonly (string | null)[]>;
  /** How many changes of the kernels can be taken back. */
  readonly edits: ReadonlySignal<number>;
  readonly image: Optimistic<string>;
  readonly revision: ReadonlySignal<number>;
  readonly images: ReadonlySignal<readonly string[]>;
  readonly filters: ReadonlySignal<Filters | null>;
  readonly choices: Choices;
}

export function followTraits(
  model: Model,
  lifetime: AbortSignal,
  rpc: Rpc,
  complain: (error: unknown) => void,
): Traits {
  const optimistic = <T>(name: string, send: (value: T) => Promise<unknown>) =>
    new Optimistic<T>(trait<T>(model, name, lifetime), lifetime, send, complain);
  const settings = Object.fromEntries(
    NAMES.map((name) => [
      name,
      optimistic<unknown>(name, (value) => rpc.request("settings.set", { [name]: value })),
    ]),
  ) as unknown as Settings;
  return {
    settings,
    kernels: optimistic<Kernels>("kernels", async (kernels) => {
      await rpc.request("kernel.set", { kernels });
      // What is dragged changes with every frame; only the newest of these is sent after a rest.
      await rest(lifetime);
    }),
    presets: trait(model, "presets", lifetime),
    edits: trait(model, "edits", lifetime),
    image: optimistic<string>("image_name", (name) => rpc.request("image.choose", { name })),
    revision: trait(model, "image_revision", lifetime),
    images: trait(model, "images", lifetime),
    filters: trait(model, "filters", lifetime),
    choices: model.get("choices") as Choices,
  };
}

function rest(lifetime: AbortSignal): Promise<void> {
  const resting = within(lifetime);
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      resting.abort();
      resolve();
    }, REST_MS);
    onEnd(resting.signal, () => clearTimeout(timer));
  });
}

export function filterOf(settings: Settings): ReadonlySignal<Filter> {
  return computed(() => ({
    channels: settings.channels.shown.value,
    padding: settings.padding.shown.value,
    padding_mode: settings.padding_mode.shown.value,
    stride: settings.stride.shown.value,
    dilation: settings.dilation.shown.value,
    bias: settings.bias.shown.value,
  }));
}

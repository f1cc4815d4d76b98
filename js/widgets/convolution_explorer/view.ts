/** One view of a convolution explorer. */

import { batch, computed, type ReadonlySignal, signal, untracked } from "@preact/signals-core";

import { h, setAttribute } from "../../shared/ui/dom.ts";
import { errorSentence } from "../../shared/i18n.ts";
import { react, track } from "../../shared/lifetime.ts";
import { type Model, Optimistic, trait } from "../../shared/kernel/traits.ts";
import { RemoteError } from "../../shared/kernel/rpc.ts";
import { sheet } from "../../shared/ui/sheet.ts";
import { createView, type View } from "../../shared/view.ts";
import { change } from "./arithmetic/change.ts";
import type { Refusal } from "./arithmetic/refusal.ts";
import { ordered, type Settings } from "./arithmetic/settings.ts";
import { channelBar } from "./channels.ts";
import type { Context, Presets } from "./context.ts";
import { explanation } from "./formula/explanation.ts";
import { facts } from "./formula/facts.ts";
import { fields } from "./fields.ts";
import { header } from "./header.ts";
import { helpPanel } from "./help_panel.ts";
import { matrixPanel } from "./matrix_panel.ts";
import {
  makePicture,
  NOTHING,
  type OwnValues,
  type Picture,
  readOwnValues,
} from "./stage/picture.ts";
import { runPlayer } from "./stage/player.ts";
import { stage } from "./stage/stage.ts";
import { exists, type Target } from "./stage/touch.ts";
import { WORDS } from "./words.ts";

/** Sentences of the kernel by key and language, for what the view refuses by itself. */
type Sentences = Readonly<Record<string, Readonly<Record<string, string>>>>;

export function mountView(
  model: Model,
  host: HTMLElement,
  language: string,
  lifetime: AbortSignal,
): void {
  const view = createView<OwnValues>(model, host, language, lifetime, {
    name: "convolution_explorer",
    words: WORDS,
    stream: { kind: "values.show", read: readOwnValues },
  });
  // Everything here works without the kernel, which hears of it when it is there.
  const unsent = new Set<() => void>();
  const ask = <T>(name: string, meta: (value: T) => Record<string, unknown>) => {
    const asked: Optimistic<T> = new Optimistic<T>(
      trait<T>(model, name, lifetime),
      lifetime,
      async (value) => {
        if (view.session.connection.peek() === "live") {
          await view.rpc.request("settings.set", meta(value), { timeout: null });
        } else unsent.add(() => asked.set(asked.shown.peek()));
      },
      view.complain,
    );
    return asked;
  };
  react(lifetime, () => {
    if (view.session.connection.value !== "live") return;
    const waiting = [...unsent];
    unsent.clear();
    untracked(() => waiting.forEach((send) => send()));
  });
  const look = (name: string) => ask<boolean>(name, (value) => ({ [name]: value }));
  const looks = {
    numbers: look("numbers"),
    colors: look("colors"),
    matrix_shown: look("matrix_shown"),
    own_values: look("own_values"),
  };
  const settings = ask<Settings>("settings", (value) => ({ ...value }));
  const wanted = signal(settings.shown.peek());
  const refused = signal<Refusal | null>(null);
  let last = "";
  react(lifetime, () => {
    const shown = settings.shown.value;
    // The kernel's answer to what is shown already leaves alone what was typed since.
    const text = ordered(shown);
    if (text === last) return;
    last = text;
    batch(() => {
      wanted.value = shown;
      refused.value = null;
    });
  });
  const values = computed(() => view.session.frame.value ?? NOTHING);
  const picture = computed(() =>
    makePicture(settings.shown.value, looks.own_values.shown.value ? values.value : NOTHING),
  );
  const sight = looking(picture);
  const context: Context = {
    ...view,
    ...sight,
    presets: model.get("presets") as Presets,
    wanted,
    refused,
    looks,
    picture,
    hasOwn: computed(() => values.value.weight !== null || values.value.input !== null),
    change: (changes) => {
      const next = change(wanted.peek(), changes);
      if (next.refused === null) settings.set(next.settings);
      batch(() => {
        wanted.value = next.settings;
        refused.value = next.refused;
      });
    },
    showPreset: (preset) => {
      batch(() => {
        // A stack is looked at from its last output, which reaches furthest back.
        const last = preset.layers > 1 ? preset.input_size[0]! - 1 : 0;
        sight.position.value = last;
        sight.pinned.value = null;
        looks.own_values.set(false);
        settings.set(preset);
      });
    },
  };
  mountParts(view, context, language, model.get("refusals") as Sentences);
  view.standing(() => null);
  view.open();
}

type Looking = Pick<
  Context,
  | "inChannel"
  | "outChannel"
  | "chooseChannel"
  | "position"
  | "positions"
  | "playing"
  | "hovered"
  | "pinned"
  | "focus"
>;

/** Where one looks: kept inside the picture, whatever becomes of that. */
function looking(picture: ReadonlySignal<Picture>): Looking {
  const chosen = { input: signal(0), output: signal(0) };
  const outChannel = computed(() =>
    Math.min(chosen.output.value, picture.value.settings.out_channels - 1),
  );
  const inChannel = computed(() => {
    const joined = picture.value.layers[0]!.inputsOf(outChannel.value);
    return joined.includes(chosen.input.value) ? chosen.input.value : joined[0]!;
  });
  const { layers } = picture.peek();
  const place = signal(layers.length > 1 ? layers.at(-1)!.outPlane - 1 : 0);
  const positions = computed(() => picture.value.layers.at(-1)!.outPlane);
  const hovered = signal<Target | null>(null);
  const pinned = signal<Target | null>(null);
  const focus = computed((): Target => {
    for (const target of [hovered.value, pinned.value]) {
      if (target !== null && exists(picture.value, target)) return target;
    }
    const { layers } = picture.value;
    const { x } = layers.at(-1)!;
    const at = Math.min(place.value, positions.value - 1);
    return {
      part: "output",
      layer: layers.length - 1,
      y: Math.floor(at / x.outputs),
      x: at % x.outputs,
    };
  });
  return {
    inChannel,
    outChannel,
    chooseChannel: (part, channel) =>
      batch(() => {
        chosen[part].value = channel;
        const layer = picture.peek().layers[0]!;
        if (part === "input" && !layer.inputsOf(outChannel.peek()).includes(channel)) {
          chosen.output.value = Math.floor(channel / layer.groupInputs) * layer.groupOutputs;
        }
      }),
    position: place,
    positions,
    playing: signal(false),
    hovered,
    pinned,
    focus,
  };
}

function mountParts(
  view: View<OwnValues>,
  context: Context,
  language: string,
  sentences: Sentences,
): void {
  const { root, controls, lifetime } = view;
  const { refused, picture, focus, position, positions, playing } = context;
  const refusal = () => {
    const found = refused.value;
    if (found === null) return "";
    const { en = "", ...templates } = sentences[found.key] ?? {};
    const text = en.replace(/\{(\w+)\}/g, (_, name: string) => found.params[name] ?? "");
    const error = new RemoteError(found.key, found.params, text, templates);
    return errorSentence(language, error, "torch_calls_it");
  };
  const { buttons, element } = sheet(context, [helpPanel(context)]);
  controls.append(
    header(context, buttons),
    fields(context),
    h(
      "div",
      { class: "dl-main" },
      h("div", { class: "dl-maps" }, stage(context), channelBar(context)),
      matrixPanel(context),
    ),
    explanation(context, refusal),
    facts(context),
    element,
  );
  // Nothing here waits for the kernel, so that nothing is disabled without it.
  react(lifetime, () => {
    track(view.session.connection);
    controls.disabled = false;
  });
  react(lifetime, () => {
    if (position.value >= positions.value) position.value = positions.value - 1;
  });
  react(lifetime, () => {
    const { part, layer, y, x } = focus.value;
    setAttribute(root, "data-focus", `${part} ${layer} ${y} ${x}`);
    setAttribute(root, "data-playing", String(playing.value));
    setAttribute(root, "data-refused", refused.value?.key);
    setAttribute(root, "data-own", String(picture.value.own));
  });
  runPlayer(context);
}

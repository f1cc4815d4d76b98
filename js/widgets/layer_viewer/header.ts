/** The first lines: what is looked at, the run, and how the layers are shown. */

import { menu, playButton } from "../../shared/ui/controls.ts";
import { h, listen, setAttribute, setText } from "../../shared/ui/dom.ts";
import { react } from "../../shared/lifetime.ts";
import type { Context, SettingValues } from "./context.ts";

export function header(context: Context, buttons: readonly HTMLElement[]): HTMLElement {
  const { t, network, lifetime, session, state, command } = context;
  const name = h("span", { class: "dl-label" });
  react(lifetime, () => setText(name, network.value?.name ?? ""));
  const play = playButton(
    context,
    {
      play: t("layer_viewer.play"),
      pause: t("layer_viewer.pause"),
      name: t("layer_viewer.training"),
      tip: t("layer_viewer.tip_play"),
    },
    () => state.value === "running",
    () => state.value === "idle",
    () => command(state.peek() === "running" ? "run.pause" : "run.play"),
  );
  const text = h("span", { class: "dl-status-text" });
  react(lifetime, () => {
    play.hidden = network.value?.trainer !== true;
    const connection = session.connection.value;
    const training = session.frame.value?.training ?? null;
    const place =
      training === null
        ? t("layer_viewer.count", { count: network.value?.layers.length ?? 0 })
        : t("layer_viewer.progress", { ...training, kept: "" });
    const parts = [place, ...working(context)];
    setText(text, connection === "live" ? parts.join(" · ") : t(`kernel.status_${connection}`));
  });
  const spoken = h("span", { class: "dl-spoken", role: "status" });
  react(lifetime, () => {
    const connection = session.connection.value;
    const key =
      connection === "live" ? `layer_viewer.state_${state.value}` : `kernel.status_${connection}`;
    setText(spoken, t(key));
  });
  return h(
    "div",
    { class: "dl-top" },
    h(
      "div",
      { class: "dl-header" },
      h("div", { class: "dl-title" }, h("h3", {}, t("layer_viewer.title")), name),
      play,
      h("div", { class: "dl-status" }, text, spoken),
      h("div", { class: "dl-quiet" }, ...buttons),
    ),
    h(
      "div",
      { class: "dl-settings" },
      choice(context, "show", ["activations", "gradients", "filters"]),
      choice(context, "scale", ["unit", "layer", "network"]),
      choice(context, "mode", ["eval", "train"]),
      epochs(context),
      changed(context),
    ),
  );
}

/** What the kernel computes that takes a while, and how far it is. */
function working({ t, session, selection }: Context): readonly string[] {
  const said: string[] = [];
  const progress = session.frame.value?.progress ?? null;
  if (progress !== null) {
    const { name, done, of } = progress;
    const what = t(name === "health" ? "layer_viewer.health" : `layer_viewer.attribution_${name}`);
    said.push(t("layer_viewer.working", { what, done, of }));
  }
  if (selection.asked.value > 0) said.push(t("layer_viewer.working_unit"));
  return said;
}

function choice<K extends "show" | "scale" | "mode">(
  context: Context,
  name: K,
  values: readonly SettingValues[K][],
): HTMLElement {
  const { t, settings } = context;
  return menu<string>(
    context,
    {
      name,
      label: t(`layer_viewer.${name}`),
      tip: t(`layer_viewer.tip_${name}`),
      setting: settings[name],
    },
    values,
    (value) => t(`layer_viewer.${name}_${value}`),
  );
}

/** The epochs that were kept, from the first to the present. */
function epochs(context: Context): HTMLElement {
  const { t, tips, view, session, settings, lifetime } = context;
  const id = `${view}-kept`;
  const input = h("input", { id, type: "range", min: 0, step: 1, "data-setting": "kept" });
  const value = h("output", { for: id });
  const label = h("label", { for: id }, t("layer_viewer.epoch"));
  const element = h("div", { class: "dl-slider dl-epochs" }, label, value, input);
  react(lifetime, () => {
    const training = session.frame.value?.training ?? null;
    element.hidden = training === null;
    if (training === null) return;
    const { kept, epoch } = training;
    const shown = settings.kept.shown.value;
    const place = shown === null ? -1 : kept.findIndex(({ step }) => step === shown);
    setAttribute(input, "max", kept.length);
    input.value = String(place < 0 ? kept.length : place);
    const text = place < 0 ? t("layer_viewer.now", { epoch }) : String(kept[place]!.epoch);
    input.setAttribute("aria-valuetext", text);
    setText(value, text);
  });
  listen(input, "input", lifetime, () => {
    const kept = session.frame.peek()?.training?.kept ?? [];
    settings.kept.set(kept[input.valueAsNumber]?.step ?? null);
  });
  tips.describe(input, t("layer_viewer.epoch"), t("layer_viewer.tip_epoch"));
  return element;
}

/** How many units were taken out or scaled, and the way back. */
function changed({ t, tips, changes, command, lifetime }: Context): HTMLElement {
  const text = h("span", { class: "dl-label" });
  const undo = h("button", { type: "button", class: "dl-button" }, t("layer_viewer.undo"));
  const restore = h("button", { type: "button", class: "dl-button" }, t("layer_viewer.restore"));
  const element = h("div", { class: "dl-changes" }, text, undo, restore);
  react(lifetime, () => {
    const count = changes.value.length;
    element.classList.toggle("dl-idle", count === 0);
    undo.disabled = restore.disabled = count === 0;
    setText(text, t(count === 1 ? "layer_viewer.changed_one" : "layer_viewer.changed", { count }));
  });
  listen(undo, "click", lifetime, () => command("changes.undo"));
  listen(restore, "click", lifetime, () => command("changes.restore"));
  tips.describe(undo, t("layer_viewer.undo"), t("layer_viewer.tip_undo"));
  tips.describe(restore, t("layer_viewer.restore"), t("layer_viewer.tip_restore"));
  return element;
}

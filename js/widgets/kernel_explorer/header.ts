/** The first line: which kernel, how large, and what it depends on. */

import { menu, slider } from "../../shared/ui/controls.ts";
import { h, listen, setAttribute, setText } from "../../shared/ui/dom.ts";
import { icon } from "../../shared/ui/icons.ts";
import { react } from "../../shared/lifetime.ts";
import type { Context } from "./context.ts";
import { shownKernel } from "./kernel/editor.ts";
import { Optimistic } from "../../shared/kernel/traits.ts";
import { computed } from "@preact/signals-core";

const OWN = "own";
const SEEDS = 2 ** 31;

export function header(context: Context, buttons: readonly HTMLElement[]): HTMLElement {
  return h(
    "div",
    { class: "dl-header" },
    presetMenu(context),
    sizeStepper(context),
    parameters(context),
    normalizeButton(context),
    revertButton(context),
    status(context),
    h("div", { class: "dl-quiet" }, ...buttons),
  );
}

/** The name of the kernel that is edited; null for one of one's own. */
function presetOf(context: Context): string | null {
  const { presets, kernels } = context;
  return presets.value[shownKernel(context, kernels.shown.value)] ?? null;
}

function presetMenu(context: Context): HTMLElement {
  const { t, choices, rpc, complain, kernels, lifetime } = context;
  const index = () => {
    const all = kernels.shown.peek();
    return all.length === 1 ? null : shownKernel(context, all);
  };
  const setting = new Optimistic<string>(
    computed(() => presetOf(context) ?? OWN),
    lifetime,
    (preset) =>
      preset === OWN ? Promise.resolve() : rpc.request("preset.use", { preset, index: index() }),
    complain,
  );
  const label = t("kernel_explorer.preset");
  const control = { name: "preset", label, tip: t("kernel_explorer.tip_preset"), setting };
  return menu(context, control, Object.keys(choices.presets), (name) =>
    t(`kernel_explorer.preset_${name}`),
  );
}

function sizeStepper({ t, tips, settings, choices, lifetime }: Context): HTMLElement {
  const [low, high] = choices.size;
  const text = h("output", { class: "dl-size" });
  const button = (name: "minus" | "plus", by: number) => {
    const label = t(by > 0 ? "kernel_explorer.larger" : "kernel_explorer.smaller");
    const element = h(
      "button",
      { type: "button", class: "dl-icon-button dl-small", "aria-label": label },
      icon(name),
    );
    listen(element, "click", lifetime, () => {
      const size = settings.size.shown.peek() + by;
      if (size >= low && size <= high) settings.size.set(size);
    });
    tips.describe(element, label, t("kernel_explorer.tip_size"));
    react(lifetime, () => {
      const size = settings.size.shown.value + by;
      // Not `disabled`: the focus stays where it is.
      element.setAttribute("aria-disabled", String(size < low || size > high));
    });
    return element;
  };
  react(lifetime, () => {
    const size = settings.size.shown.value;
    setText(text, `${size}×${size}`);
  });
  return h(
    "div",
    { class: "dl-field", role: "group", "aria-label": t("kernel_explorer.size") },
    h("span", { class: "dl-label" }, t("kernel_explorer.size")),
    h(
      "div",
      { class: "dl-stepper", "data-setting": "size" },
      button("minus", -1),
      text,
      button("plus", 1),
    ),
  );
}

/** Sliders of the parameters that the kernel has. */
function parameters(context: Context): HTMLElement {
  const { t, tips, settings, choices, lifetime } = context;
  const unit = { sigma: "", angle: "°", wavelength: "" } as const;
  const sliders = (["sigma", "angle", "wavelength"] as const).map((name) => {
    const control = {
      name,
      label: t(`kernel_explorer.${name}`),
      tip: t(`kernel_explorer.tip_${name}`),
      setting: settings[name],
    };
    const element = slider(
      context,
      control,
      choices[name],
      (value) => `${Number(value.toFixed(2))}${unit[name]}`,
    );
    react(lifetime, () => {
      setAttribute(
        element,
        "hidden",
        !(choices.presets[presetOf(context) ?? ""] ?? []).includes(name),
      );
    });
    return element;
  });
  const again = h("button", { type: "button", class: "dl-button" }, t("kernel_explorer.again"));
  listen(again, "click", lifetime, () =>
    settings.seed.set((settings.seed.shown.peek() + 1) % SEEDS),
  );
  tips.describe(again, t("kernel_explorer.again"), t("kernel_explorer.tip_again"));
  react(lifetime, () => {
    setAttribute(again, "hidden", presetOf(context) !== "random");
  });
  return h("div", { class: "dl-parameters" }, ...sliders, again);
}

function normalizeButton({ t, tips, kernels, command, lifetime }: Context): HTMLElement {
  const sum = h("span", { class: "dl-kernel-sum" });
  react(lifetime, () => {
    const total = kernels.shown.value[0]!.flat().reduce((a, b) => a + b, 0);
    const shown = Number(total.toPrecision(4));
    setText(sum, `Σ ${Math.abs(shown) < 1e-6 ? 0 : shown}`.replace("-", "−"));
  });
  const button = h(
    "button",
    { type: "button", class: "dl-button dl-normalize" },
    t("kernel_explorer.normalize"),
    sum,
  );
  listen(button, "click", lifetime, () => command("kernel.normalize"));
  tips.describe(button, t("kernel_explorer.normalize"), t("kernel_explorer.tip_normalize"));
  return button;
}

/** Take back the last change of the kernel, as its cells do on Ctrl+Z. */
function revertButton({ t, tips, edits, command, lifetime }: Context): HTMLElement {
  const label = t("kernel_explorer.revert");
  const button = h(
    "button",
    { type: "button", class: "dl-icon-button", "aria-label": label },
    icon("undo"),
  );
  listen(button, "click", lifetime, () => {
    if (edits.peek() > 0) command("kernel.revert");
  });
  tips.describe(button, label, t("kernel_explorer.tip_revert"));
  react(lifetime, () => setAttribute(button, "aria-disabled", String(edits.value === 0)));
  return button;
}

/** Said only while something is amiss: what is shown speaks for itself otherwise. */
function status({ t, session, lifetime }: Context): HTMLElement {
  const text = h("span", { class: "dl-status-text", role: "status" });
  react(lifetime, () => {
    const connection = session.connection.value;
    setText(text, connection === "live" ? "" : t(`kernel.status_${connection}`));
  });
  return h("div", { class: "dl-status" }, text);
}

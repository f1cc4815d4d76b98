/** The second line: the axes, the smoothing, and what one sees of the x-axis. */

import { menu, slider } from "../../../shared/ui/controls.ts";
import { h, listen, setAttribute } from "../../../shared/ui/dom.ts";
import { react } from "../../../shared/lifetime.ts";
import type { Context } from "../context.ts";

const AXES = ["step", "epoch", "time"] as const;
const SMOOTHING = [0, 0.99, 0.01] as const;

export function settingRow(context: Context): HTMLElement {
  const { t, settings } = context;
  return h(
    "div",
    { class: "dl-settings" },
    menu(
      context,
      {
        name: "axis",
        label: t("loss_plot.axis"),
        tip: t("loss_plot.tip_axis"),
        setting: settings.axis,
      },
      AXES,
      (axis) => t(`loss_plot.axis_${axis}`),
    ),
    h(
      "div",
      { class: "dl-field", role: "group", "aria-label": t("loss_plot.logarithmic") },
      h("span", { class: "dl-label" }, t("loss_plot.logarithmic")),
      h("div", { class: "dl-toggles" }, logToggle(context, "x"), logToggle(context, "y")),
    ),
    slider(
      context,
      {
        name: "smoothing",
        label: t("loss_plot.smoothing"),
        tip: t("loss_plot.tip_smoothing"),
        setting: settings.smoothing,
      },
      SMOOTHING,
      (value) => (value === 0 ? t("loss_plot.off") : String(Number(value.toFixed(3)))),
    ),
  );
}

function logToggle({ t, settings, lifetime, tips }: Context, axis: "x" | "y"): HTMLElement {
  const setting = settings[`${axis}_scale`];
  const name = t(`loss_plot.log_${axis}`);
  const button = h(
    "button",
    { type: "button", class: "dl-toggle", "aria-label": name, "data-setting": `${axis}_scale` },
    axis,
  );
  react(lifetime, () => {
    setAttribute(button, "aria-pressed", String(setting.shown.value === "log"));
  });
  listen(button, "click", lifetime, () => {
    setting.set(setting.shown.peek() === "log" ? "linear" : "log");
  });
  tips.describe(button, name, t("loss_plot.tip_logarithmic"));
  return button;
}

/** Beside the kernel: which channel's it is, and whether each channel has its own. */

import { h, listen, setAttribute, setText } from "../../../shared/ui/dom.ts";
import { react } from "../../../shared/lifetime.ts";
import type { Context } from "../context.ts";
import { shownKernel } from "./editor.ts";
import { isScene } from "../scene/scene.ts";

export function kernelTools(context: Context): HTMLElement {
  return h("div", { class: "dl-kernel-tools" }, planeMenu(context), ownBox(context));
}

export function channelName({ t }: Context, plane: number, channels: number): string {
  return channels === 3 ? t(`kernel_explorer.color_${plane}`) : String(plane);
}

/** The channel whose numbers are shown; only where there are several. */
function planeMenu(context: Context): HTMLElement {
  const { t, tips, stage, settings, lifetime } = context;
  const select = h("select", { "data-setting": "plane", "aria-label": t("kernel_explorer.plane") });
  react(lifetime, () => {
    const found = stage.scene.value;
    const channels = isScene(found) ? found.image.channels : 1;
    setAttribute(select, "hidden", channels === 1 || settings.channels.shown.value === "grey");
    if (select.length !== channels) {
      select.replaceChildren(
        ...Array.from({ length: channels }, (_, i) =>
          h("option", { value: i }, channelName(context, i, channels)),
        ),
      );
    }
    select.selectedIndex = Math.min(stage.plane.value, channels - 1);
  });
  listen(select, "change", lifetime, () => (stage.plane.value = select.selectedIndex));
  tips.describe(select, t("kernel_explorer.plane"), t("kernel_explorer.tip_plane"));
  return select;
}

function ownBox(context: Context): HTMLElement {
  const { t, tips, stage, settings, kernels, command, lifetime } = context;
  const input = h("input", { type: "checkbox", "data-setting": "own" });
  const text = h("span", {}, t("kernel_explorer.own"));
  const label = h("label", { class: "dl-check" }, input, text);
  react(lifetime, () => {
    const found = stage.scene.value;
    const channels = isScene(found) ? found.image.channels : 1;
    setAttribute(label, "hidden", channels === 1 || settings.channels.shown.value === "grey");
    input.checked = kernels.shown.value.length > 1;
  });
  listen(input, "change", lifetime, () => {
    command("kernel.own", {
      own: input.checked,
      index: shownKernel(context, kernels.shown.peek()),
    });
  });
  tips.describe(input, t("kernel_explorer.own"), t("kernel_explorer.tip_own"));
  setAttribute(label, "data-part", "own");
  setText(text, t("kernel_explorer.own"));
  return label;
}

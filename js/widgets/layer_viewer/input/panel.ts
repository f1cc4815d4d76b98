/** The left column: the input to draw on, examples, what the network guesses, what speaks for it. */

import { menu } from "../../../shared/ui/controls.ts";
import { h, listen } from "../../../shared/ui/dom.ts";
import { takeDrops } from "../../../shared/ui/drop.ts";
import { SingleFlight } from "../../../shared/kernel/single_flight.ts";
import { react } from "../../../shared/lifetime.ts";
import type { Context } from "../context.ts";
import { examples } from "./examples.ts";
import { guesses } from "./guesses.ts";
import { type Input, inputCanvas } from "./canvas.ts";

const METHODS = [null, "saliency", "integrated_gradients", "grad_cam", "occlusion"] as const;

export function inputPanel(context: Context): HTMLElement {
  const { t, lifetime, network, settings, rpc, complain } = context;
  // Drawings and examples in one: what is chosen last is what stays.
  const choosing = new SingleFlight<Input>(async ({ kind, meta, arrays }) => {
    try {
      await rpc.request(kind, meta, { arrays });
    } catch (error) {
      complain(error);
    }
  });
  const choose = (input: Input) => choosing.want(input);
  const { element, clear, load } = inputCanvas(context, choose);
  const clearButton = h("button", { type: "button", class: "dl-button" }, t("layer_viewer.clear"));
  const file = h("input", { type: "file", accept: "image/*", class: "dl-spoken", tabindex: -1 });
  file.setAttribute("aria-label", t("layer_viewer.upload"));
  const upload = h("button", { type: "button", class: "dl-button" }, t("layer_viewer.upload"));
  listen(clearButton, "click", lifetime, clear);
  listen(upload, "click", lifetime, () => file.click());
  listen(file, "change", lifetime, () => {
    const chosen = file.files?.[0];
    if (chosen !== undefined) load(chosen);
    file.value = "";
  });
  takeDrops(element, lifetime, load);
  context.tips.describe(upload, t("layer_viewer.upload"), t("layer_viewer.tip_upload"));
  context.tips.describe(clearButton, t("layer_viewer.clear"), t("layer_viewer.tip_clear"));
  const drawing = h("div", { class: "dl-drawing" }, clearButton, upload, file);
  react(lifetime, () => {
    drawing.hidden = (network.value?.picture ?? null) === null;
  });
  return h(
    "section",
    { class: "dl-input", "aria-label": t("layer_viewer.input") },
    h("div", { class: "dl-input-main" }, element, drawing),
    examples(context, choose),
    guesses(context),
    menu(
      context,
      {
        name: "attribution",
        label: t("layer_viewer.attribution"),
        tip: t("layer_viewer.tip_attribution"),
        setting: settings.attribution,
      },
      METHODS,
      (method) => t(`layer_viewer.attribution_${method ?? "none"}`),
    ),
  );
}

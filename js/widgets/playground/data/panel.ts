/** The first column: which points to learn from. */

import { h, listen, setAttribute, setText } from "../../../shared/ui/dom.ts";
import { react } from "../../../shared/lifetime.ts";
import type { Context } from "../context.ts";
import { slider } from "../controls.ts";
import { dataIcon } from "./icons.ts";

export function dataPanel(context: Context): HTMLElement {
  const { t, choices, lifetime, command, tips } = context;
  const regenerate = h(
    "button",
    { type: "button", class: "dl-button dl-regenerate" },
    t("playground.regenerate"),
  );
  listen(regenerate, "click", lifetime, () => command("data.regenerate"));
  tips.describe(regenerate, t("playground.regenerate"), t("playground.tip_regenerate"));
  return h(
    "div",
    { class: "dl-data", role: "group", "aria-label": t("playground.data") },
    h("h3", {}, t("playground.data")),
    dataSets(context),
    h(
      "div",
      { class: "dl-sliders" },
      slider(
        context,
        "train_ratio",
        choices.train_ratio,
        (ratio) => `${Math.round(100 * ratio)} %`,
      ),
      slider(context, "noise", choices.noise, (noise) => `${Number(noise.toFixed(1))} %`),
      slider(context, "batch_size", choices.batch_size, String),
      regenerate,
      pointCount(context),
    ),
  );
}

function pointCount({ t, data, lifetime }: Context): HTMLElement {
  const element = h("p", { class: "dl-point-count" });
  react(lifetime, () => {
    const points = data.points.value;
    const train = points?.trainTargets.length ?? 0;
    const test = points?.testTargets.length ?? 0;
    setText(element, points === null ? "" : t("playground.point_count", { train, test }));
  });
  return element;
}

function dataSets(context: Context): HTMLElement {
  const { t, choices, settings, lifetime, tips, view } = context;
  const group = h("div", {
    class: "dl-data-sets",
    role: "radiogroup",
    "aria-label": t("playground.tip_data"),
    "data-setting": "data",
  });
  const inputs = new Map<string, HTMLInputElement>();
  let drawnFor: string | null = null;
  react(lifetime, () => {
    const problem = settings.problem.shown.value;
    if (problem !== drawnFor) {
      drawnFor = problem;
      inputs.clear();
      group.replaceChildren(
        ...(choices.data[problem] ?? []).map((data) => thumbnail(problem, data)),
      );
    }
    for (const [data, input] of inputs) input.checked = data === settings.data.shown.value;
  });
  // One listener for the group, because its members change with the problem.
  listen(group, "change", lifetime, (event) => {
    if (event.target instanceof HTMLInputElement) settings.data.set(event.target.value);
  });
  return group;

  function thumbnail(problem: string, data: string): HTMLElement {
    const key = `playground.data_${problem}_${data}`;
    const input = h("input", { type: "radio", name: `${view}-data`, value: data });
    setAttribute(input, "aria-label", t(key));
    inputs.set(data, input);
    const element = h(
      "label",
      { class: "dl-thumbnail", "data-value": data },
      input,
      dataIcon(problem, data),
    );
    tips.explain(element, () => ({
      name: t(key),
      text: t(`playground.tip_data_${problem}_${data}`),
    }));
    return element;
  }
}

/** What follows from the settings: the size by formula, what is left over, parameters, torch's line. */

import { copyButton } from "../../../shared/ui/copy_button.ts";
import { h, setText } from "../../../shared/ui/dom.ts";
import { react } from "../../../shared/lifetime.ts";
import { isPool, parameterCount, type Settings, weightShape } from "../arithmetic/settings.ts";
import { source } from "../arithmetic/source.ts";
import type { Context } from "../context.ts";
import { latex, mathElement } from "./expression.ts";
import { formulas } from "./formula.ts";
import { counted } from "./naming.ts";
import type { Picture } from "../stage/picture.ts";

export function facts(context: Context): HTMLElement {
  return h("div", { class: "dl-facts" }, sizeFacts(context), layerFacts(context));
}

function sizeFacts(context: Context): HTMLElement {
  const { t, lifetime, picture, focus } = context;
  const shown = h("div", { class: "dl-formulas", tabindex: 0, role: "group" });
  const left = h("p", { class: "dl-left-over" });
  const title = t("convolution_explorer.size_title");
  shown.setAttribute("aria-label", title);
  let text = "";
  const words = {
    copy: t("convolution_explorer.copy_latex"),
    copied: t("convolution_explorer.copied"),
    selected: t("convolution_explorer.selected"),
  };
  react(lifetime, () => {
    const found = formulas(picture.value, focus.value.layer);
    const now = found.map((parts) => parts.map(latex).join(" ")).join(" \\qquad ");
    if (now !== text) {
      shown.replaceChildren(
        ...found.map((parts) => h("div", { class: "dl-formula" }, ...parts.map(mathElement))),
      );
    }
    text = now;
    shown.dataset["latex"] = text;
    setText(left, leftOver(context, picture.value));
  });
  return h(
    "section",
    { class: "dl-fact" },
    h(
      "div",
      { class: "dl-fact-head" },
      h("h4", {}, title),
      copyButton(context, words, shown, () => text),
    ),
    shown,
    left,
  );
}

/** Rows and columns that no window comes to, or what hangs over in `ceil_mode`. */
function leftOver(context: Context, { settings, layers }: Picture): string {
  const { t } = context;
  const { y, x } = layers[0]!;
  const [rows, columns] = [y.leftOver, x.leftOver];
  if (rows > 0 || columns > 0) {
    const parts = [
      ...(rows > 0 ? [counted(context, "row", rows)] : []),
      ...(columns > 0
        ? [counted(context, settings.input_size.length === 1 ? "cell" : "column", columns)]
        : []),
    ];
    return t("convolution_explorer.left_over", { what: parts.join(t("convolution_explorer.and")) });
  }
  const over = [y, x].some((axis) => !axis.transposed && axis.high >= axis.size + axis.behind);
  if (over) return t("convolution_explorer.hangs_over");
  if (settings.kind === "conv_transpose") return t("convolution_explorer.transposed_note");
  return t("convolution_explorer.nothing_left");
}

function layerFacts(context: Context): HTMLElement {
  const { t, lifetime, picture } = context;
  const code = h("code");
  const frame = h("pre", { tabindex: 0, role: "group", "aria-label": "PyTorch" }, code);
  const parameters = h("p", { class: "dl-parameters" });
  const words = {
    copy: t("convolution_explorer.copy"),
    copied: t("convolution_explorer.copied"),
    selected: t("convolution_explorer.selected"),
  };
  react(lifetime, () => {
    const { settings } = picture.value;
    setText(code, source(settings));
    setText(parameters, `${t("convolution_explorer.parameters")}: ${parameterText(settings)}`);
  });
  return h(
    "section",
    { class: "dl-fact" },
    h("div", { class: "dl-fact-head" }, h("h4", {}, "PyTorch"), copyButton(context, words, code)),
    frame,
    parameters,
  );
}

/** 8 · 3 · 3 · 3 + 8 = 224 */
export function parameterText(settings: Settings): string {
  const count = parameterCount(settings);
  if (isPool(settings)) return "0";
  const weights = weightShape(settings).join(" · ");
  const one = settings.bias ? `${weights} + ${settings.out_channels}` : weights;
  return `${settings.layers === 1 ? one : `${settings.layers} · (${one})`} = ${count}`;
}

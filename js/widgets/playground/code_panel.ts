/** The cell that makes this Playground again, and the same network in plain PyTorch. */

import { copyButton } from "../../shared/copy_button.ts";
import { h, setText } from "../../shared/dom.ts";
import type { Panel } from "../../shared/sheet.ts";
import type { Context } from "./context.ts";

export function codePanel(context: Context): Panel {
  const { t, rpc, complain } = context;
  const cell = listing(context, t("playground.code_cell"));
  const pytorch = listing(context, t("playground.code_pytorch"));
  const load = async () => {
    try {
      const { meta } = await rpc.request("code.get");
      cell.show(String(meta["cell"]));
      pytorch.show(String(meta["pytorch"]));
    } catch (error) {
      complain(error);
    }
  };
  return {
    key: "code",
    label: t("playground.code"),
    tip: t("playground.tip_code"),
    icon: "code",
    content: h("div", { class: "dl-code" }, cell.element, pytorch.element),
    opened: () => void load(),
  };
}

function listing(context: Context, title: string) {
  const { t } = context;
  const code = h("code");
  const frame = h("pre", { tabindex: 0, role: "group", "aria-label": title }, code);
  const words = {
    copy: t("playground.copy"),
    copied: t("playground.copied"),
    selected: t("playground.selected"),
  };
  const copy = copyButton(context, words, code);
  return {
    element: h("div", {}, h("div", { class: "dl-code-head" }, h("h4", {}, title), copy), frame),
    show: (source: string) => setText(code, source),
  };
}

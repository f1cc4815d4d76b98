/** The same in plain PyTorch, to copy. */

import { copyButton } from "../../shared/copy_button.ts";
import { h, setText } from "../../shared/dom.ts";
import type { Panel } from "../../shared/sheet.ts";
import type { Context } from "./context.ts";

export function codePanel(context: Context): Panel {
  const { t, rpc, complain } = context;
  const code = h("code");
  const words = {
    copy: t("kernel_explorer.copy"),
    copied: t("kernel_explorer.copied"),
    selected: t("kernel_explorer.selected"),
  };
  const label = t("kernel_explorer.code");
  return {
    key: "code",
    label,
    tip: t("kernel_explorer.tip_code"),
    icon: "code",
    content: h(
      "div",
      { class: "dl-code" },
      h("pre", { tabindex: 0, role: "group", "aria-label": label }, code),
      copyButton(context, words, code),
    ),
    opened: () => {
      rpc
        .request("code.get")
        .then(({ meta }) => setText(code, String(meta["pytorch"])))
        .catch(complain);
    },
  };
}

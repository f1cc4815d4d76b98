/** Code from the kernel to read and to copy: the same in plain PyTorch, or a cell. */

import { copyButton } from "./copy_button.ts";
import { h, setText } from "./dom.ts";
import type { Rpc } from "../kernel/rpc.ts";
import type { Panel } from "./sheet.ts";
import type { Ui } from "./host.ts";

interface CodeView extends Ui {
  readonly rpc: Rpc;
  readonly complain: (error: unknown) => void;
}

/** @param listings what `code.get` replies in its meta → its heading, null where it needs none. */
export function codePanel(
  view: CodeView,
  label: string,
  tip: string,
  listings: Readonly<Record<string, string | null>>,
): Panel {
  const { t, rpc, complain } = view;
  const words = { copy: t("view.copy"), copied: t("view.copied"), selected: t("view.selected") };
  const codes = Object.entries(listings).map(([key, heading]) => {
    const code = h("code");
    const element = h(
      "div",
      {},
      h(
        "div",
        { class: "dl-code-head" },
        heading === null ? h("span") : h("h4", {}, heading),
        copyButton(view, words, code),
      ),
      h("pre", { tabindex: 0, role: "group", "aria-label": heading ?? label }, code),
    );
    return { key, code, element };
  });
  return {
    key: "code",
    label,
    tip,
    icon: "code",
    content: h("div", { class: "dl-code" }, ...codes.map(({ element }) => element)),
    opened: () => {
      rpc.request("code.get").then(({ meta }) => {
        for (const { key, code } of codes) setText(code, String(meta[key]));
      }, complain);
    },
  };
}

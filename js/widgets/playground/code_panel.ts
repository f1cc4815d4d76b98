/** The cell that makes this Playground again, and the same network in plain PyTorch. */

import { h, listen, setText } from "../../shared/dom.ts";
import { onEnd } from "../../shared/lifetime.ts";
import type { Context } from "./context.ts";
import { icon } from "../../shared/icons.ts";
import type { Panel } from "../../shared/sheet.ts";

const COPIED_MS = 1500;

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

function listing({ t, lifetime }: Context, title: string) {
  const code = h("code");
  const text = h("span", {}, t("playground.copy"));
  const copy = h("button", { type: "button", class: "dl-button" }, icon("copy"), text);
  const frame = h("pre", { tabindex: 0, role: "group", "aria-label": title }, code);
  let timer: ReturnType<typeof setTimeout> | null = null;
  const stop = () => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
  };
  const say = (key: string) => {
    stop();
    setText(text, t(`playground.${key}`));
    timer = setTimeout(() => setText(text, t("playground.copy")), COPIED_MS);
  };
  onEnd(lifetime, stop);
  listen(copy, "click", lifetime, () => {
    copyText(code.textContent).then(
      () => say("copied"),
      () => {
        // Without permission the text is selected, so that the keyboard can copy it.
        getSelection()?.selectAllChildren(code);
        say("selected");
      },
    );
  });
  return {
    element: h("div", {}, h("div", { class: "dl-code-head" }, h("h4", {}, title), copy), frame),
    show: (source: string) => setText(code, source),
  };
}

/** Pages that are not served securely have no clipboard. */
async function copyText(text: string): Promise<void> {
  const clipboard = navigator.clipboard as Clipboard | undefined;
  if (clipboard === undefined) throw new Error("There is no clipboard.");
  await clipboard.writeText(text);
}

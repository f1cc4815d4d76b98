/** The weight of the link that was clicked, to be changed. */

import { middle } from "../../../draw/network.ts";
import { h, listen, setText } from "../../../shared/ui/dom.ts";
import { onEnd, react } from "../../../shared/lifetime.ts";
import type { Context } from "../context.ts";
import { formatField } from "../../../shared/format.ts";
import { linkName } from "./naming.ts";
import { type Picture, setParameter } from "./picture.ts";
import { numberField } from "../../../shared/ui/number_field.ts";

const WIDTH = 190;

export function linkEditor(context: Context, picture: Picture): HTMLElement {
  const { t, selection, lifetime, view } = context;
  const title = h("span", { class: "dl-link-title" });
  const field = numberField(
    context,
    lifetime,
    t("playground.weight"),
    `${view}-weight`,
    (value) => {
      const link = selection.edited.peek();
      if (link !== null) setParameter(context, picture, link.parameter, value);
    },
  );
  const editor = h(
    "div",
    {
      class: "dl-link-editor",
      role: "dialog",
      "aria-label": t("playground.edit_weight"),
      hidden: true,
    },
    title,
    field.element,
  );
  let shown: unknown = null;
  react(lifetime, () => {
    const link = selection.edited.value;
    const weight = link && picture.frame.value?.parameters[link.parameter];
    editor.hidden = link === null;
    if (link === null) {
      shown = null;
      return;
    }
    if (typeof weight === "number") field.show(formatField(weight));
    if (link === shown) return;
    shown = link;
    setText(title, linkName(t, picture.shape.peek(), link));
    const { width, height } = picture.layout.peek();
    const left = Math.min(middle(link) - WIDTH / 2, width - WIDTH);
    editor.style.left = `${Math.max(0, left)}px`;
    editor.style.top = `${Math.min((link.y0 + link.y1) / 2 + 14, height - 70)}px`;
    field.input.focus();
  });
  // Another network has other links.
  onEnd(
    lifetime,
    picture.shape.subscribe(() => (selection.edited.value = null)),
  );
  listen(editor, "keydown", lifetime, (event) => {
    if (event.key === "Enter" || event.key === "Escape") selection.edited.value = null;
  });
  listen(editor, "focusout", lifetime, (event) => {
    if (!(event.relatedTarget instanceof Node && editor.contains(event.relatedTarget))) {
      selection.edited.value = null;
    }
  });
  return editor;
}

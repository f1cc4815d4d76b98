/** The line under the picture: the arithmetic of the cell, or why torch refuses what was asked for. */

import { h, listen, setText } from "../../../shared/ui/dom.ts";
import { icon } from "../../../shared/ui/icons.ts";
import { react, track } from "../../../shared/lifetime.ts";
import type { Context } from "../context.ts";
import { reading } from "../stage/reading.ts";

/** @param refusal says why the settings are refused, in the view's language; "" if they are not. */
export function explanation(context: Context, refusal: () => string): HTMLElement {
  const { t, lifetime, picture, focus, pinned, inChannel, outChannel, change } = context;
  const lines = h("div", { class: "dl-lines" });
  const unpin = h(
    "button",
    { type: "button", class: "dl-toggle dl-unpin", "aria-pressed": "true" },
    t("convolution_explorer.pinned"),
  );
  listen(unpin, "click", lifetime, () => (pinned.value = null));
  const refused = h("span");
  const back = h(
    "button",
    { type: "button", class: "dl-button" },
    t("convolution_explorer.back_to_possible"),
  );
  listen(back, "click", lifetime, () => change(picture.peek().settings));
  const impossible = h(
    "div",
    { class: "dl-impossible", role: "alert" },
    icon("warning"),
    refused,
    back,
  );
  react(lifetime, () => {
    const why = refusal();
    impossible.hidden = why === "";
    setText(refused, why);
  });
  react(lifetime, () => {
    track(picture, inChannel, outChannel);
    const texts = reading(context, focus.value).lines;
    while (lines.children.length > texts.length) lines.lastChild?.remove();
    while (lines.children.length < texts.length) lines.append(h("p"));
    texts.forEach((text, place) => setText(lines.children[place]!, text));
    unpin.hidden = pinned.value === null;
  });
  return h(
    "div",
    { class: "dl-explanation" },
    h("div", { class: "dl-reading" }, lines, unpin),
    impossible,
  );
}

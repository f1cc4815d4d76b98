/** The first line: the animation's buttons, where it is, and how cells look. */

import { iconButton, playButton } from "../../shared/ui/controls.ts";
import { h, listen, setText } from "../../shared/ui/dom.ts";
import { react } from "../../shared/lifetime.ts";
import type { Optimistic } from "../../shared/kernel/traits.ts";
import type { Context } from "./context.ts";
import { step } from "./stage/player.ts";

export function header(context: Context, buttons: readonly HTMLElement[]): HTMLElement {
  const { t, playing, pinned, position, looks } = context;
  const word = (name: string) => t(`convolution_explorer.${name}`);
  let touchedOnce = false;
  return h(
    "div",
    { class: "dl-header" },
    h(
      "div",
      { class: "dl-transport" },
      iconButton(context, "reset", word("restart"), word("tip_restart"), () => {
        pinned.value = null;
        position.value = 0;
      }),
      playButton(
        context,
        {
          play: word("play"),
          pause: word("pause"),
          name: word("play_pause"),
          tip: word("tip_play"),
        },
        () => playing.value,
        () => !playing.value && !touchedOnce && position.value === 0,
        () => {
          touchedOnce = true;
          pinned.value = null;
          playing.value = !playing.peek();
        },
      ),
      iconButton(context, "left", word("back"), word("tip_back"), () => step(context, -1)),
      iconButton(context, "right", word("forward"), word("tip_forward"), () => step(context, 1)),
    ),
    scrubber(context),
    h(
      "div",
      { class: "dl-looks", role: "group", "aria-label": word("looks") },
      toggle(context, "numbers", looks.numbers),
      toggle(context, "colors", looks.colors),
      toggle(context, "matrix_shown", looks.matrix_shown),
    ),
    h("div", { class: "dl-quiet" }, ...buttons),
  );
}

/** The slider that one drags through all outputs. */
function scrubber(context: Context): HTMLElement {
  const { t, view, lifetime, tips, position, positions, playing, pinned } = context;
  const id = `${view}-position`;
  const label = t("convolution_explorer.position");
  const input = h("input", { id, type: "range", min: 0, step: 1, "aria-label": label });
  const value = h("output", { for: id });
  react(lifetime, () => {
    input.max = String(positions.value - 1);
    input.value = String(position.value);
    const text = t("convolution_explorer.position_of", {
      place: position.value + 1,
      count: positions.value,
    });
    input.setAttribute("aria-valuetext", text);
    setText(value, text);
  });
  listen(input, "input", lifetime, () => {
    playing.value = false;
    pinned.value = null;
    position.value = input.valueAsNumber;
  });
  tips.describe(input, label, t("convolution_explorer.tip_position"));
  return h("div", { class: "dl-scrubber" }, input, value);
}

function toggle(
  { t, lifetime, tips }: Context,
  name: string,
  setting: Optimistic<boolean>,
): HTMLElement {
  const label = t(`convolution_explorer.${name}`);
  const button = h("button", { type: "button", class: "dl-toggle", "data-look": name }, label);
  react(lifetime, () => button.setAttribute("aria-pressed", String(setting.shown.value)));
  listen(button, "click", lifetime, () => setting.set(!setting.shown.peek()));
  tips.describe(button, label, t(`convolution_explorer.tip_${name}`));
  return button;
}

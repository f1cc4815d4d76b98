/** One view of a KernelExplorer. */

import { codePanel } from "../../shared/ui/code_panel.ts";
import { h, setAttribute } from "../../shared/ui/dom.ts";
import { react } from "../../shared/lifetime.ts";
import type { Model } from "../../shared/kernel/traits.ts";
import type { Message } from "../../shared/kernel/protocol.ts";
import { image3 } from "../../shared/kernel/read.ts";
import { sheet } from "../../shared/ui/sheet.ts";
import { createView } from "../../shared/view.ts";
import { arithmetic } from "./scene/arithmetic.ts";
import type { Context } from "./context.ts";
import { header } from "./header.ts";
import { helpPanel } from "./help_panel.ts";
import { imageSources } from "./image/sources.ts";
import { layerBar } from "./kernel/layer_bar.ts";
import { options } from "./kernel/options.ts";
import { pictures } from "./scene/pictures.ts";
import type { Planes } from "./image/planes.ts";
import { isScene, makeStage } from "./scene/scene.ts";
import { followTraits } from "./settings.ts";
import { WORDS } from "./words.ts";

export function mountView(
  model: Model,
  host: HTMLElement,
  language: string,
  lifetime: AbortSignal,
): void {
  let held: number | null = null;
  let asked: number | null = null;
  const view = createView<never>(model, host, language, lifetime, {
    name: "kernel_explorer",
    words: WORDS,
    have: () => ({ image: held }),
    welcome: (reply) => {
      if ("image" in reply.arrays) take(reply);
    },
  });
  const { root, controls, rpc, session, complain } = view;
  const traits = followTraits(model, lifetime, rpc, complain);
  const stage = makeStage(traits, lifetime);
  const context: Context = { ...view, ...traits, stage };
  const take = (reply: Message) => {
    held = Number(reply.meta["image"]);
    stage.remote.value = readImage(reply);
  };
  react(lifetime, () => {
    const revision = traits.revision.value;
    // The first comes with the answer to hello.
    if (session.connection.value !== "live" || held === null) return;
    if (revision === held || revision === asked) return;
    asked = revision;
    rpc
      .request("image.get")
      .then(take)
      .catch(complain)
      .finally(() => (asked = null));
  });

  const { element: drawn, input } = pictures(context);
  const { buttons, element } = sheet(context, [
    codePanel(context, view.t("kernel_explorer.code"), view.t("kernel_explorer.tip_code"), {
      pytorch: null,
    }),
    helpPanel(context),
  ]);
  controls.append(
    header(context, buttons),
    layerBar(context),
    h(
      "div",
      { class: "dl-body" },
      h(
        "div",
        { class: "dl-main" },
        h("div", { class: "dl-side" }, imageSources(context, input), options(context)),
        drawn,
      ),
      arithmetic(context),
    ),
    element,
  );
  let count = 0;
  react(lifetime, () => {
    const found = stage.scene.value;
    if (found === null) return;
    setAttribute(root, "data-drawn", ++count);
    setAttribute(
      root,
      "data-image",
      `${found.image.channels} ${found.image.height} ${found.image.width}`,
    );
    setAttribute(root, "data-fits", String(isScene(found)));
  });
  react(lifetime, () => setAttribute(root, "aria-busy", String(stage.scene.value === null)));
  view.standing(() => null);
  view.open();
}

function readImage({ arrays }: Message): Planes {
  const { shape, values } = image3(arrays["image"]);
  const [channels, height, width] = shape;
  return { channels, height, width, values };
}

/** One view of a layer viewer. */

import { signal } from "@preact/signals-core";

import { h, setAttribute } from "../../shared/ui/dom.ts";
import { react } from "../../shared/lifetime.ts";
import { type Model, Optimistic, trait } from "../../shared/kernel/traits.ts";
import type { Message } from "../../shared/kernel/protocol.ts";
import { sheet } from "../../shared/ui/sheet.ts";
import { createView, type View } from "../../shared/view.ts";
import type { Change, Context, Goal, Settings, SettingValues } from "./context.ts";
import { header } from "./header.ts";
import { helpPanel } from "./help_panel.ts";
import { inputPanel } from "./input/panel.ts";
import { layerList } from "./rows/list.ts";
import { type Frame, type Network, readFrame, readNetwork } from "./network.ts";
import { Pictures } from "./rows/pictures.ts";
import { createSelection } from "./selection.ts";
import { unitPanel } from "./unit/panel.ts";
import { WORDS } from "./words.ts";

export function mountView(
  model: Model,
  host: HTMLElement,
  language: string,
  lifetime: AbortSignal,
): void {
  const network = signal<Network | null>(null);
  const pictures = new Pictures();
  let last: Frame | null = null;
  const read = (message: Message) => {
    last = readFrame(message, last);
    pictures.frame(last);
    return last;
  };
  const view: View<Frame> = createView<Frame>(model, host, language, lifetime, {
    name: "layer_viewer",
    words: WORDS,
    stream: { kind: "frame.show", read },
    welcome: (reply) => (network.value = readNetwork(reply)),
    painted: ({ revision }) => {
      // The network has other layers than this view knows.
      const known = network.peek();
      if (known !== null && known.revision !== revision) view.session.hello();
    },
  });
  const context: Context = {
    ...view,
    network,
    pictures,
    settings: settingsOf(model, view),
    changes: trait<readonly Change[]>(model, "changes", lifetime),
    state: trait<string>(model, "state", lifetime),
    goal: trait<Goal | null>(model, "goal", lifetime),
    selection: createSelection(view),
    reading: signal(""),
    sight: signal<"box" | "effective">("box"),
  };
  const { buttons, element } = sheet(context, [helpPanel(context)]);
  view.controls.append(
    header(context, buttons),
    h("div", { class: "dl-body" }, inputPanel(context), layerList(context), unitPanel(context)),
    element,
  );
  react(lifetime, () => setAttribute(view.root, "data-layers", network.value?.layers.length ?? 0));
  react(lifetime, () => {
    const frame = view.session.frame.value;
    setAttribute(view.root, "data-guess", frame?.guesses[0]?.index ?? null);
    setAttribute(view.root, "data-epoch", frame?.training?.epoch ?? null);
  });
  const message = trait<unknown>(model, "message", lifetime);
  view.standing(() => {
    const problem = view.session.frame.value?.problem ?? message.value ?? null;
    return problem === null ? null : { sentence: view.sentence(problem) };
  });
  view.open();
}

function settingsOf(model: Model, { rpc, complain, lifetime }: View<Frame>): Settings {
  const setting = <K extends keyof SettingValues>(name: K) =>
    new Optimistic<SettingValues[K]>(
      trait<SettingValues[K]>(model, name, lifetime),
      lifetime,
      (value) => rpc.request("settings.set", { [name]: value }),
      complain,
    );
  return {
    mode: setting("mode"),
    show: setting("show"),
    scale: setting("scale"),
    attribution: setting("attribution"),
    target: setting("target"),
    kept: setting("kept"),
  };
}

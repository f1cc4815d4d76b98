/** One view of a Playground, in one language: everything it starts ends with its lifetime. */

import { computed } from "@preact/signals-core";

import { signedTable } from "../../draw/color.ts";
import { h, setAttribute } from "../../shared/dom.ts";
import { errorSentence, translator } from "../../shared/i18n.ts";
import { onEnd, react } from "../../shared/lifetime.ts";
import type { Model } from "../../shared/model.ts";
import { ProtocolError } from "../../shared/protocol.ts";
import { RemoteError, refusal, Rpc } from "../../shared/rpc.ts";
import { followTheme } from "../../shared/theme.ts";
import { Tooltips } from "../../shared/tooltip.ts";
import { advancedPanel } from "./advanced_panel.ts";
import { codePanel } from "./code_panel.ts";
import type { Context, Settings } from "./context.ts";
import { dataPanel } from "./data_panel.ts";
import { header } from "./header.ts";
import { helpPanel } from "./help_panel.ts";
import { networkPanel } from "./network_panel.ts";
import { Notices } from "./notices.ts";
import { Optimistic } from "./optimistic.ts";
import { outputPanel } from "./output_panel.ts";
import { Selection } from "./selection.ts";
import { Session } from "./session.ts";
import { settingRow } from "./setting_row.ts";
import { sheet } from "./sheet.ts";
import { followTraits, SETTING_NAMES, type TrainerState } from "./traits.ts";

export function mountView(
  model: Model,
  host: HTMLElement,
  language: string,
  lifetime: AbortSignal,
): void {
  const t = translator(language);
  const view = `dl${Math.random().toString(36).slice(2, 10)}`;
  const root = h("div", { class: "dl-playground", lang: language, "data-frames": 0 });
  host.append(root);
  onEnd(lifetime, () => root.remove());

  const notices = new Notices(t, lifetime);
  const complain = (error: unknown) => {
    if (lifetime.aborted) return;
    if (error instanceof RemoteError) notices.show(errorSentence(language, error, "playground"));
    else if (error instanceof ProtocolError) notices.show(error.message);
    else throw error;
  };
  const rpc = new Rpc(model, view, lifetime, complain);
  const traits = followTraits(model, lifetime);
  const session = new Session(model, rpc, root, lifetime, complain);
  const settings = Object.fromEntries(
    SETTING_NAMES.map((name) => [
      name,
      new Optimistic<unknown>(
        traits.settings[name],
        lifetime,
        (value) => rpc.request("settings.set", { [name]: value }),
        complain,
      ),
    ]),
  ) as unknown as Settings;
  const state = new Optimistic<TrainerState>(
    traits.state,
    lifetime,
    (wanted) => rpc.request(wanted === "running" ? "trainer.play" : "trainer.pause"),
    complain,
  );
  const context: Context = {
    lifetime,
    view,
    t,
    choices: traits.choices,
    settings,
    state,
    session,
    selection: new Selection(),
    rpc,
    tips: new Tooltips(root, view, lifetime),
    theme: followTheme(root, lifetime),
    table: computed(() => signedTable(settings.discretize.shown.value)),
    command: (kind, meta) => void rpc.request(kind, meta).catch(complain),
    complain,
    warn: (sentence) => notices.show(sentence),
  };

  const controls = h("fieldset", { class: "dl-controls" });
  root.append(controls, notices.element);
  const { buttons, element } = sheet(context, [
    advancedPanel(context),
    codePanel(context),
    helpPanel(context),
  ]);
  const [advanced, ...quiet] = buttons;
  controls.append(
    header(context, quiet),
    settingRow(context, advanced!),
    h("div", { class: "dl-main" }, dataPanel(context), networkPanel(context), outputPanel(context)),
    element,
  );

  react(lifetime, () => setAttribute(root, "data-state", state.shown.value));
  react(lifetime, () => {
    const connection = session.connection.value;
    setAttribute(root, "data-connection", connection);
    controls.disabled = connection !== "live";
  });
  // What stands in the way of training is told for as long as it does.
  let standing = false;
  react(lifetime, () => {
    const connection = session.connection.value;
    const message = traits.message.value ?? null;
    if (standing) notices.clear();
    standing = true;
    if (connection === "gone" || connection === "silent") notices.show(t(`kernel.${connection}`));
    else if (connection === "live" && message !== null) {
      notices.show(errorSentence(language, refusal(message), "playground"), {
        label: t("playground.reset"),
        act: () => context.command("trainer.reset"),
      });
    } else standing = false;
  });

  onEnd(lifetime, () => session.bye());
  session.hello();
}

/** One view of a Playground. */

import { computed, signal } from "@preact/signals-core";

import { signedTable } from "../../draw/color.ts";
import { codePanel } from "../../shared/ui/code_panel.ts";
import { h, setAttribute } from "../../shared/ui/dom.ts";
import { react } from "../../shared/lifetime.ts";
import { type Model, Optimistic } from "../../shared/kernel/traits.ts";
import type { Message } from "../../shared/kernel/protocol.ts";
import { sheet } from "../../shared/ui/sheet.ts";
import { createView } from "../../shared/view.ts";
import { advancedPanel } from "./advanced_panel.ts";
import type { Context, Data, Settings } from "./context.ts";
import { dataPanel } from "./data/panel.ts";
import { type Frame, type Points, readFeatureMaps, readFrame, readPoints } from "./frame.ts";
import { header } from "./header.ts";
import { helpPanel } from "./help_panel.ts";
import { networkPanel } from "./network/panel.ts";
import { outputPanel } from "./output/panel.ts";
import { Selection } from "./network/selection.ts";
import { settingRow } from "./setting_row.ts";
import { followTraits, SETTING_NAMES, type TrainerState } from "./traits.ts";
import { WORDS } from "./words.ts";

export function mountView(
  model: Model,
  host: HTMLElement,
  language: string,
  lifetime: AbortSignal,
): void {
  const data: Data = { points: signal<Points | null>(null), featureMaps: signal(null) };
  let askedFor: number | null = null;
  const view = createView<Frame>(model, host, language, lifetime, {
    name: "playground",
    words: WORDS,
    stream: { kind: "frame.show", read: readFrame },
    have: () => ({ data: data.points.peek()?.revision ?? null }),
    welcome: (reply) => {
      askedFor = null;
      data.featureMaps.value = readFeatureMaps(reply);
      if ("train_points" in reply.arrays) data.points.value = readPoints(reply);
    },
    painted: ({ epoch, dataRevision }) => {
      setAttribute(view.root, "data-epoch", epoch);
      if (data.points.peek()?.revision === dataRevision || askedFor === dataRevision) return;
      askedFor = dataRevision;
      view.rpc.request("data.get").then(takePoints).catch(view.complain);
    },
  });
  const takePoints = (reply: Message) => {
    data.points.value = readPoints(reply);
  };
  const { root, controls, rpc, t, complain } = view;
  const traits = followTraits(model, lifetime);
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
    ...view,
    choices: traits.choices,
    settings,
    state,
    data,
    selection: new Selection(),
    table: computed(() => signedTable(settings.discretize.shown.value)),
  };

  const { buttons, element } = sheet(context, [
    advancedPanel(context),
    codePanel(context, view.t("playground.code"), view.t("playground.tip_code"), {
      cell: view.t("playground.code_cell"),
      pytorch: view.t("playground.code_pytorch"),
    }),
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
  view.standing(() => {
    const message = traits.message.value ?? null;
    return message === null
      ? null
      : {
          sentence: view.sentence(message),
          wayOn: {
            label: t("playground.reset"),
            act: () => context.command("trainer.reset"),
          },
        };
  });
  view.open();
}

/**
 * The page's half of an explainer: settings made from the schema, and what the author draws.
 *
 *     export default explainer({
 *       name: "activation",                    // the stem
 *       words: { en, es },                     // of js/shared/locales/activation.{en,es}.json
 *       draw: (view) => [chart(view, …)],      // once for each view; reactions to view.frame
 *       help: ["about", ["first", "then"]],    // words: a paragraph, a list
 *     });
 *
 * The words name each setting `x` and what it means, `tip_x`; a choice `x_value` where its value
 * says too little. `title` and, where there is one, `question` stand in the header. Each preset of the
 * class has `try_NAME`, which its button says, and `tip_try_NAME`, the surprise to look for.
 */

import { codePanel } from "../shared/ui/code_panel.ts";
import { h, setAttribute, setText } from "../shared/ui/dom.ts";
import type { Language } from "../shared/i18n.ts";
import { react } from "../shared/lifetime.ts";
import { Optimistic, trait } from "../shared/kernel/traits.ts";
import { floats } from "../shared/kernel/read.ts";
import { type Panel, sheet } from "../shared/ui/sheet.ts";
import { hidePicture } from "../shared/static_picture.ts";
import { createView, widget } from "../shared/view.ts";
import { presetLine } from "./presets.ts";
import { advancedPanel, settingRow, type SettingSchema } from "./settings.ts";
import type { Computed, ExplainerView } from "./view.ts";
import "./explainer.css";

type Section = Readonly<Record<string, string>>;

export interface ExplainerOptions<Frame> {
  readonly name: string;
  readonly words: Readonly<Record<Language, Section>>;
  /** Checks what came; by default it is taken as it is. */
  readonly read?: (computed: Computed) => Frame;
  readonly draw: (view: ExplainerView<Frame>) => readonly HTMLElement[];
  /** Keys of words: a paragraph each, or a list. */
  readonly help: readonly (string | readonly string[])[];
  /** What stands in the header behind the title. */
  readonly actions?: (view: ExplainerView<Frame>) => readonly HTMLElement[];
  /** Panels of its own, before those that every explainer has. */
  readonly panels?: (view: ExplainerView<Frame>) => readonly Panel[];
  /** The sentence in the header; who listens hears it when it changes. */
  readonly status?: (view: ExplainerView<Frame>) => string;
}

/** An array of numbers that must have come; none before anything has. */
export function numbers(computed: Computed | null, name: string): Float32Array {
  if (computed === null) return new Float32Array();
  return floats(computed, name);
}

export function explainer<Frame = Computed>(options: ExplainerOptions<Frame>) {
  const { name, draw, help, actions, read = (computed) => computed as Frame } = options;
  const words = {
    en: { [name]: options.words.en },
    es: { [name]: options.words.es },
  };
  return widget((model, host, language, lifetime) => {
    let marker: string | null = null;
    const plain = createView<Frame>(model, host, language, lifetime, {
      name,
      words,
      stream: { kind: "explainer.show", read },
      welcome: (reply) => {
        const { picture } = reply.meta;
        marker = typeof picture === "string" ? picture : null;
        plain.session.frame.value = read(reply);
      },
    });
    const { session, rpc, root, controls, complain, sentence } = plain;
    root.classList.add("dl-explainer");
    const settings = new Map<string, Optimistic<unknown>>();
    const view: ExplainerView<Frame> = {
      ...plain,
      t: (key, params) => plain.t(key.includes(".") ? key : `${name}.${key}`, params),
      has: (key) => key in options.words.en,
      frame: session.frame,
      trait: (key) => trait(model, key, lifetime),
      setting: <T>(key: string, kind = "settings.set") => {
        let found = settings.get(key);
        if (found === undefined) {
          const meta = (value: unknown) => (kind === "settings.set" ? { [key]: value } : { value });
          found = new Optimistic<unknown>(
            trait(model, key, lifetime),
            lifetime,
            (value) => rpc.request(kind, meta(value)),
            complain,
          );
          settings.set(key, found);
        }
        return found as Optimistic<T>;
      },
    };
    const schema = (model.get("schema") ?? []) as readonly SettingSchema[];
    const panels: Panel[] = [helpPanel(view, help)];
    if (model.get("code") === true) {
      const { t } = plain;
      panels.unshift(codePanel(plain, t("view.code"), t("view.tip_code"), { pytorch: null }));
    }
    const row = settingRow(view, schema);
    const presets = presetLine(view, schema);
    const advanced = advancedPanel(view, schema);
    if (advanced !== null) panels.unshift(advanced);
    panels.unshift(...(options.panels?.(view) ?? []));
    const { buttons, element } = sheet(plain, panels);
    controls.append(
      h(
        "div",
        { class: "dl-header" },
        title(view),
        ...(actions?.(view) ?? []),
        statusLine(view, options.status),
        h("div", { class: "dl-quiet" }, ...buttons),
      ),
      ...(presets === null ? [] : [presets]),
      ...(row === null ? [] : [row]),
      ...draw(view),
      element,
    );
    react(lifetime, () => setAttribute(root, "data-drawn", session.frame.value !== null));
    const state = trait<unknown>(model, "state", lifetime);
    react(lifetime, () => {
      const waiting = [...settings.values()].filter(({ pending }) => pending.value);
      setAttribute(root, "aria-busy", String(waiting.length > 0 || state.value === "busy"));
    });
    hidePicture(plain, () => (session.frame.value === null ? null : marker));
    const problem = trait<unknown>(model, "problem", lifetime);
    plain.standing(() =>
      (problem.value ?? null) === null ? null : { sentence: sentence(problem.value) },
    );
    plain.open();
  });
}

function title<Frame>({ t, has }: ExplainerView<Frame>): HTMLElement {
  const question = has("question") ? h("span", { class: "dl-label" }, t("question")) : null;
  return h("div", { class: "dl-title" }, h("h3", {}, t("title")), question);
}

/** Who looks sees the connection, or what the author says; who listens hears each change. */
function statusLine<Frame>(
  view: ExplainerView<Frame>,
  status: ((view: ExplainerView<Frame>) => string) | undefined,
): HTMLElement {
  const { t, session, lifetime } = view;
  const text = h("span", { class: "dl-status-text", "aria-hidden": "true" });
  const spoken = h("span", { class: "dl-spoken", role: "status" });
  react(lifetime, () => {
    const connection = session.connection.value;
    const sentence =
      connection === "live" ? (status?.(view) ?? "") : t(`kernel.status_${connection}`);
    setText(text, sentence);
    setText(spoken, sentence);
  });
  return h("div", { class: "dl-status" }, text, spoken);
}

function helpPanel<Frame>(
  { t, has }: ExplainerView<Frame>,
  help: readonly (string | readonly string[])[],
): Panel {
  const parts = help.map((part) =>
    typeof part === "string"
      ? h("p", {}, t(part))
      : h("ol", {}, ...part.map((key) => h("li", {}, t(key)))),
  );
  return {
    key: "help",
    label: t("view.help"),
    tip: t(has("tip_help") ? "tip_help" : "view.tip_help"),
    icon: "help",
    content: h("div", { class: "dl-help" }, ...parts),
  };
}

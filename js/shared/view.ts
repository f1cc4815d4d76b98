/** One view of a widget, in one language: everything it starts ends with its lifetime. */

import type { RenderProps } from "@anywidget/types";
import { type ReadonlySignal, untracked } from "@preact/signals-core";

import { showChild } from "./child.ts";
import { h, setAttribute } from "./ui/dom.ts";
import { errorSentence, pageLanguage, translator, type Words } from "./i18n.ts";
import { onEnd, react, within } from "./lifetime.ts";
import { type Model, trait } from "./kernel/traits.ts";
import { Notices, type WayOn } from "./ui/notices.ts";
import { ProtocolError } from "./kernel/protocol.ts";
import { type Params, refusal, RemoteError, Rpc } from "./kernel/rpc.ts";
import { Session, type SessionOptions } from "./kernel/session.ts";
import { followTheme, type Theme } from "./ui/theme.ts";
import { Tooltips } from "./ui/tooltip.ts";
import type { Ui } from "./ui/host.ts";

export type Mount = (
  model: Model,
  host: HTMLElement,
  language: string,
  lifetime: AbortSignal,
) => void;

/** What a host gives `render`: a signal from anywidget 0.11 on; before, it only calls what it got back. */
export type Hosted = Pick<RenderProps, "model" | "el"> & { readonly signal?: AbortSignal };

/** An anywidget whose views are mounted anew when the trait `language` changes. */
export function widget(mount: Mount): { render: (props: Hosted) => () => void } {
  return {
    render({ model, el, signal }) {
      const view = signal === undefined ? new AbortController() : within(signal);
      const language = trait<string | null>(model as Model, "language", view.signal);
      let mounted = within(view.signal);
      react(view.signal, () => {
        const spoken = language.value ?? pageLanguage();
        mounted.abort();
        mounted = within(view.signal);
        const { signal: lifetime } = mounted;
        untracked(() => mount(model as Model, el, spoken, lifetime));
      });
      return () => view.abort();
    },
  };
}

export interface ViewOptions<Frame> extends Pick<
  SessionOptions<Frame>,
  "stream" | "have" | "welcome" | "painted"
> {
  /** Section of the catalogue that names the settings; with dashes also a class of the root. */
  readonly name: string;
  readonly words: Words;
}

/** What every part of a view is given. */
export interface View<Frame> extends Ui {
  readonly root: HTMLElement;
  /** Takes the parts of the view; disabled while the kernel is not there. */
  readonly controls: HTMLFieldSetElement;
  readonly rpc: Rpc;
  readonly session: Session<Frame>;
  readonly theme: ReadonlySignal<Theme>;
  /** Send a command; if it is refused, say why. */
  readonly command: (kind: string, meta?: Params) => void;
  /** Say what went wrong. */
  readonly complain: (error: unknown) => void;
  /** Say a sentence that asks for a decision. */
  readonly ask: (sentence: string, wayOn: WayOn) => void;
  /** What the kernel says, in the language of the view: `{key, params, text}`. */
  readonly sentence: (message: unknown) => string;
  /** Say what stands in the way for as long as it does; to be called once. */
  readonly standing: (problem: () => Problem | null) => void;
  /** Show another widget by its id in a place, until a lifetime ends; false where no way is known. */
  readonly child: (id: string, place: HTMLElement, lifetime: AbortSignal) => Promise<boolean>;
  /** Say hello, and goodbye at the end; to be called when all is in its place. */
  readonly open: () => void;
}

export interface Problem {
  readonly sentence: string;
  readonly wayOn?: WayOn;
}

export function createView<Frame>(
  model: Model,
  host: HTMLElement,
  language: string,
  lifetime: AbortSignal,
  options: ViewOptions<Frame>,
): View<Frame> {
  const { name, words } = options;
  const t = translator(language, words);
  const view = `dl${Math.random().toString(36).slice(2, 10)}`;
  const kind = `dl-${name.replaceAll("_", "-")}`;
  const root = h("div", { class: `dl-widget ${kind}`, lang: language, "data-frames": 0 });
  host.append(root);
  onEnd(lifetime, () => root.remove());

  const notices = new Notices(t, lifetime);
  const say = (error: RemoteError) => errorSentence(language, error, name, words);
  const complain = (error: unknown) => {
    if (lifetime.aborted) return;
    if (error instanceof RemoteError) notices.show(say(error));
    else if (error instanceof ProtocolError) notices.show(error.message);
    else throw error;
  };
  const rpc = new Rpc(model, view, lifetime, complain);
  const session = new Session({ model, rpc, root, lifetime, failed: complain, ...options });
  const controls = h("fieldset", { class: "dl-controls" });
  root.append(controls, notices.element);
  react(lifetime, () => {
    const connection = session.connection.value;
    setAttribute(root, "data-connection", connection);
    controls.disabled = connection !== "live";
  });
  return {
    lifetime,
    view,
    t,
    root,
    controls,
    rpc,
    session,
    tips: new Tooltips(root, view, lifetime),
    theme: followTheme(root, lifetime),
    command: (command, meta) => void rpc.request(command, meta).catch(complain),
    complain,
    warn: (sentence) => notices.show(sentence),
    ask: (sentence, wayOn) => notices.show(sentence, wayOn),
    sentence: (message) => say(refusal(message)),
    standing: (problem) => stand(problem),
    child: (id, place, until) => showChild(model, id, place, until),
    open: () => {
      onEnd(lifetime, () => session.bye());
      session.hello();
    },
  };

  function stand(problem: () => Problem | null): void {
    let shown: string | null = null;
    react(lifetime, () => {
      const connection = session.connection.value;
      const absent = connection === "gone" || connection === "silent";
      const now = absent
        ? { sentence: t(`kernel.${connection}`) }
        : connection === "live"
          ? problem()
          : null;
      if (shown === (now?.sentence ?? null)) return;
      shown = now?.sentence ?? null;
      if (now === null) notices.clear();
      else notices.show(now.sentence, now.wayOn);
    });
  }
}

/** What a panel says instead of charts, or above them: starting, failed, stopped, unreachable. */

import { h } from "../../../shared/ui/dom";
import type { Translate } from "../../../shared/i18n";
import type { PanelState } from "./panel_state";
import { type Problem, lastWords, problemSentence } from "../servers/problems";

export interface NoticeActions {
  readonly start: () => void;
  readonly chooseAnother: () => void;
}

export type Notice = Exclude<PanelState, { kind: "ready" }> | { readonly kind: "loading" };

/** The notice's content; its owner is a live region, so that it is heard too. */
export function noticeContent(
  notice: Notice,
  logdir: string,
  actions: NoticeActions,
  t: Translate,
): HTMLElement {
  return h(
    "div",
    { class: "dl-tensorboard-notice", "data-kind": notice.kind },
    notice.kind === "starting" || notice.kind === "loading"
      ? h("span", { class: "dl-tensorboard-spinner", "aria-hidden": "true" })
      : null,
    h("h2", {}, headline(notice, t)),
    h("p", {}, sentence(notice, t)),
    notice.kind === "failed" ? details(notice.problem, t) : null,
    h("p", { class: "dl-tensorboard-logdir" }, logdir),
    buttons(notice, actions, t),
  );
}

function headline({ kind }: Notice, t: Translate): string {
  switch (kind) {
    case "starting":
      return t("tensorboard.starting");
    case "loading":
      return t("tensorboard.loading");
    case "stopped":
      return t("tensorboard.stopped");
    case "failed":
      return t("tensorboard.failed");
    case "unreachable":
      return t("tensorboard.unreachable");
  }
}

function sentence(notice: Notice, t: Translate): string {
  switch (notice.kind) {
    case "starting":
      return t("tensorboard.starting_more");
    case "loading":
      return t("tensorboard.loading_more");
    case "stopped":
      return t("tensorboard.stopped_more");
    case "failed":
    case "unreachable":
      return problemSentence(t, notice.problem);
  }
}

function details(problem: Problem, t: Translate): HTMLElement | null {
  const words = lastWords(problem);
  if (words === "") return null;
  // Focusable, because it scrolls.
  const label = t("tensorboard.last_words");
  return h(
    "details",
    // One that was killed had nothing to say about it.
    { open: problem.key !== "died" },
    h("summary", {}, label),
    h("pre", { tabindex: 0, role: "region", "aria-label": label }, words),
  );
}

function buttons(notice: Notice, actions: NoticeActions, t: Translate): HTMLElement | null {
  if (notice.kind === "starting" || notice.kind === "loading") return null;
  const again = notice.kind === "failed" && notice.problem.key === "died";
  const start = again
    ? t("tensorboard.restart")
    : notice.kind === "stopped"
      ? t("tensorboard.start")
      : t("tensorboard.try_again");
  const element = h("div", { class: "dl-tensorboard-buttons" }, button(start, true, actions.start));
  if (notice.kind === "failed" && notice.problem.key.startsWith("logdir_")) {
    element.append(button(t("tensorboard.choose_another"), false, actions.chooseAnother));
  }
  return element;
}

function button(label: string, accept: boolean, onClick: () => void): HTMLButtonElement {
  const style = `jp-mod-styled ${accept ? "jp-mod-accept" : "jp-mod-reject"}`;
  const element = h("button", { type: "button", class: style }, label);
  element.addEventListener("click", onClick);
  return element;
}

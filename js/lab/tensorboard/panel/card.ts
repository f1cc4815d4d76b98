/** The output of a cell that names a folder: a small card with TensorBoard's state, Open and Stop. */

import type { IRenderMime } from "@jupyterlab/rendermime-interfaces";
import type { IDisposable } from "@lumino/disposable";
import { Widget } from "@lumino/widgets";
import { h, setText } from "../../../shared/ui/dom";
import type { Translate } from "../../../shared/i18n";
import { tensorboardIcon } from "../../icons";
import { MIME_TYPE, bundleOf } from "../bundle";
import { problemOfReason, problemSentence } from "../servers/problems";
import type { TensorBoards } from "../servers/tensorboards";

export interface CardOptions {
  tensorboards: TensorBoards;
  t: Translate;
  /** Show the panel of a folder beside the widget that this node is in. */
  open: (logdir: string, node: HTMLElement) => void;
}

export function cardFactory(options: CardOptions): IRenderMime.IRendererFactory {
  return {
    safe: true, // it sets text, and nothing happens before a click
    mimeTypes: [MIME_TYPE],
    defaultRank: 0,
    createRenderer: () => new Card(options),
  };
}

class Card extends Widget implements IRenderMime.IRenderer {
  readonly #options: CardOptions;
  readonly #path = h("bdi");
  readonly #logdir = h("code", {}, this.#path);
  readonly #state = h("span", { class: "dl-tensorboard-card-state", role: "status" });
  readonly #open: HTMLButtonElement;
  readonly #stop: HTMLButtonElement;
  #folder = "";
  #refused = "";
  #watch: IDisposable | null = null;

  constructor(options: CardOptions) {
    super();
    const { t, tensorboards } = options;
    this.#options = options;
    this.addClass("dl-tensorboard-card");
    const icon = h("span", { class: "dl-tensorboard-card-icon" });
    tensorboardIcon.element({ container: icon, width: "24px", height: "24px" });
    this.#open = this.#button(t("tensorboard.open"), () => options.open(this.#folder, this.node));
    this.#stop = this.#button(t("tensorboard.stop_short"), () => void this.#stopIt());
    const title = h("strong", {}, t("tensorboard.title"));
    const buttons = h("div", { class: "dl-tensorboard-card-buttons" }, this.#open, this.#stop);
    this.node.append(
      icon,
      h("div", { class: "dl-tensorboard-card-text" }, title, this.#logdir, this.#state),
      buttons,
    );
    tensorboards.changed.connect(this.#update, this);
  }

  renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    this.#folder = bundleOf(model.data)?.logdir ?? "";
    setText(this.#path, this.#folder);
    this.#logdir.title = this.#folder;
    this.#update();
    return Promise.resolve();
  }

  override dispose(): void {
    this.#watch?.dispose();
    super.dispose();
  }

  protected override onAfterAttach(): void {
    this.#watch ??= this.#options.tensorboards.watch();
  }

  protected override onBeforeDetach(): void {
    this.#watch?.dispose();
    this.#watch = null;
  }

  async #stopIt(): Promise<void> {
    const { tensorboards, t } = this.#options;
    const running = tensorboards.of(this.#folder);
    this.#refused = "";
    try {
      if (running) await tensorboards.stop(running.id);
    } catch (reason) {
      this.#refused = problemSentence(t, problemOfReason(reason));
      this.#update();
    }
  }

  #update(): void {
    const { tensorboards, t } = this.#options;
    const running = tensorboards.of(this.#folder);
    const state = tensorboards.unreachable ? "unreachable" : (running?.state ?? "stopped");
    this.node.dataset["state"] = state;
    setText(this.#state, this.#refused || t(`tensorboard.state_${state}`));
    this.#stop.disabled = running === undefined || running.state === "failed";
  }

  #button(label: string, onClick: () => void): HTMLButtonElement {
    const button = h("button", { type: "button", class: "jp-mod-styled jp-mod-reject" }, label);
    button.addEventListener("click", onClick);
    return button;
  }
}

/** One TensorBoard as a panel of its own: it is there before TensorBoard is, and outlives it. */

import { MainAreaWidget } from "@jupyterlab/apputils";
import {
  Toolbar,
  ToolbarButton,
  launchIcon,
  refreshIcon,
  stopIcon,
} from "@jupyterlab/ui-components";
import type { IDisposable } from "@lumino/disposable";
import { type ISignal, Signal } from "@lumino/signaling";
import { Widget } from "@lumino/widgets";
import { h, setText } from "../../../shared/ui/dom";
import type { Translate } from "../../../shared/i18n";
import { tensorboardIcon } from "../../icons";
import { type PanelState, folderName, panelState } from "./panel_state";
import { type Problem, problemOfReason } from "../servers/problems";
import type { TensorBoard, TensorBoards } from "../servers/tensorboards";
import { TensorBoardView } from "./view";

export interface PanelOptions {
  /** As it was asked for: absolute, or from the server's root. */
  logdir: string;
  tensorboards: TensorBoards;
  t: Translate;
  beforeLoad: () => void;
  chooseAnother: () => void;
}

export class TensorBoardPanel extends MainAreaWidget<TensorBoardView> {
  readonly #options: PanelOptions;
  readonly #buttons: { reload: ToolbarButton; launch: ToolbarButton; stop: ToolbarButton };
  readonly #path = h("bdi");
  readonly #name = h("span", { class: "dl-tensorboard-name" }, this.#path);
  readonly #watch: IDisposable;
  readonly #identified = new Signal<this, TensorBoard>(this);
  // What the server said last of it, kept when it is no longer listed.
  #known: TensorBoard | null = null;
  #asked = false;
  #refusal: Problem | null = null;

  constructor(options: PanelOptions) {
    const { t, tensorboards, beforeLoad, chooseAnother } = options;
    const toolbar = new Toolbar();
    toolbar.addClass("dl-tensorboard-toolbar");
    super({
      content: new TensorBoardView({
        t,
        beforeLoad,
        actions: { start: () => void this.start(), chooseAnother },
      }),
      toolbar,
    });
    this.#options = options;
    this.#buttons = {
      reload: this.#button("reload", t("tensorboard.reload"), refreshIcon, () => this.reload()),
      launch: this.#button("launch", t("tensorboard.launch"), launchIcon, () => this.#launch()),
      stop: this.#button("stop", t("tensorboard.stop"), stopIcon, () => void this.stop()),
    };
    toolbar.addItem("name", new Widget({ node: this.#name }));
    toolbar.addItem("spacer", Toolbar.createSpacerItem());
    for (const [name, button] of Object.entries(this.#buttons)) toolbar.addItem(name, button);
    toolbar.node.setAttribute("aria-label", t("tensorboard.title"));
    this.content.node.setAttribute("aria-label", t("tensorboard.title"));
    this.title.icon = tensorboardIcon;
    tensorboards.changed.connect(this.#onChanged, this);
    this.#watch = tensorboards.watch();
    this.#update();
  }

  /** The folder: its real path as soon as the server has said it. */
  get logdir(): string {
    return this.#known?.logdir ?? this.#options.logdir;
  }

  /** Of the TensorBoard, once the server has said it. */
  get tensorboard(): TensorBoard | null {
    return this.#known;
  }

  /** Emitted when the server has said whose panel this is. */
  get identified(): ISignal<this, TensorBoard> {
    return this.#identified;
  }

  /** Whether it is the panel of this folder, called by its path, its name or as it was asked for. */
  shows(logdir: string): boolean {
    return [this.#options.logdir, this.#known?.logdir, this.#known?.name].includes(logdir);
  }

  override dispose(): void {
    if (this.isDisposed) return;
    this.#watch.dispose();
    super.dispose();
  }

  /** Have the server run it; it may be running already. */
  async start(): Promise<void> {
    if (this.#asked) return;
    this.#asked = true;
    this.#refusal = null;
    this.#update();
    try {
      this.#known = await this.#options.tensorboards.start(this.logdir);
    } catch (reason) {
      this.#refusal = problemOfReason(reason);
    }
    this.#asked = false;
    if (this.isDisposed) return;
    this.#update();
    if (this.#known !== null) this.#identified.emit(this.#known);
  }

  /** Start it unless it runs or is about to. */
  ensureRunning(): void {
    const { kind } = this.#state();
    if (kind === "stopped" || kind === "failed") void this.start();
  }

  async stop(): Promise<void> {
    if (this.#known === null) return;
    try {
      await this.#options.tensorboards.stop(this.#known.id);
    } catch (reason) {
      this.#refusal = problemOfReason(reason);
      this.#update();
    }
  }

  /** Have TensorBoard's page read everything again. */
  reload(): void {
    this.content.reload();
  }

  #launch(): void {
    const state = this.#state();
    if (state.kind === "ready") window.open(state.url, "_blank", "noopener");
  }

  #button(
    name: string,
    tooltip: string,
    icon: typeof refreshIcon,
    onClick: () => void,
  ): ToolbarButton {
    return new ToolbarButton({ className: `dl-tensorboard-${name}`, icon, tooltip, onClick });
  }

  #state(): PanelState {
    const { tensorboards } = this.#options;
    return panelState({
      asked: this.#asked,
      refusal: this.#refusal,
      listed: this.#known === null ? undefined : tensorboards.find(this.#known.id),
      unreachable: tensorboards.unreachable,
    });
  }

  #onChanged(): void {
    const { unreachable } = this.#options.tensorboards;
    // What nobody answered is asked again as soon as someone may.
    if (this.#refusal?.key === "unreachable" && unreachable === null) void this.start();
    else this.#update();
  }

  #update(): void {
    const { t } = this.#options;
    const { kind } = this.#state();
    const name = this.#known?.name ?? this.#options.logdir;
    this.content.display(this.#state(), this.logdir);
    this.content.label = t("tensorboard.page_of", { logdir: name });
    this.title.label = folderName(name) || t("tensorboard.title");
    this.title.caption = t("tensorboard.tab_caption", {
      logdir: this.logdir,
      state: t(`tensorboard.state_${kind}`),
    });
    setText(this.#path, name);
    this.#name.title = this.logdir;
    this.#buttons.reload.enabled = kind === "ready";
    this.#buttons.launch.enabled = kind === "ready";
    this.#buttons.stop.enabled = kind === "ready" || (kind === "starting" && !this.#asked);
  }
}

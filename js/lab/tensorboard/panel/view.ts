/** TensorBoard's page in an iframe, and above it what is to be said while it cannot be used. */

import { IFrame } from "@jupyterlab/apputils";
import type { Message } from "@lumino/messaging";
import { Panel, Widget } from "@lumino/widgets";
import type { Translate } from "../../../shared/i18n";
import { type Notice, type NoticeActions, noticeContent } from "./notice";
import type { PanelState } from "./panel_state";

export interface ViewOptions {
  t: Translate;
  actions: NoticeActions;
  /** Called before TensorBoard's page is loaded. */
  beforeLoad: () => void;
}

const NOTHING = "about:blank";

export class TensorBoardView extends Panel {
  readonly #options: ViewOptions;
  readonly #frameWidget = new IFrame({
    // The page is of this site and needs its scripts, its localStorage and its downloads.
    sandbox: [
      "allow-scripts",
      "allow-same-origin",
      "allow-popups",
      "allow-forms",
      "allow-modals",
      "allow-downloads",
    ],
  });
  readonly #frame: HTMLIFrameElement;
  readonly #notice = new Widget();
  #state: PanelState = { kind: "starting" };
  #logdir = "";
  #said = "";
  #loaded = false;
  // The process that served the page has ended since: the next one has to serve it again.
  #outdated = false;

  constructor(options: ViewOptions) {
    super();
    this.#options = options;
    this.#frame = this.#frameWidget.node.querySelector("iframe")!;
    this.#frame.addEventListener("load", this.#onLoad);
    this.addClass("dl-tensorboard");
    this.#frameWidget.addClass("dl-tensorboard-frame");
    this.#notice.addClass("dl-tensorboard-over");
    this.#notice.node.setAttribute("role", "status");
    this.addWidget(this.#frameWidget);
    this.addWidget(this.#notice);
  }

  override dispose(): void {
    this.#frame.removeEventListener("load", this.#onLoad);
    super.dispose();
  }

  /** What a screen reader calls the page. */
  set label(label: string) {
    this.#frame.title = label;
  }

  /** Show the state of the TensorBoard of this folder. */
  display(state: PanelState, logdir: string): void {
    this.#state = state;
    this.#logdir = logdir;
    if (state.kind === "ready") this.#serve(state.url);
    else if (state.kind === "stopped") this.#unload();
    else if (state.kind !== "unreachable") this.#outdated = true;
    this.#draw();
  }

  /** Load TensorBoard's page again; what it shows is in its address and stays. */
  reload(): void {
    if (this.#state.kind !== "ready" || this.#frameWidget.url === "") return;
    this.#options.beforeLoad();
    this.#frame.contentWindow?.location.reload();
  }

  protected override onBeforeDetach(message: Message): void {
    // A frame that is moved in the page loads its `src` again, not where it was.
    if (this.#loaded) this.#frameWidget.url = this.#frame.contentWindow!.location.href;
    super.onBeforeDetach(message);
  }

  #serve(url: string): void {
    const shown = this.#frameWidget.url !== "" && this.#frameWidget.url !== NOTHING;
    if (!shown) {
      this.#options.beforeLoad();
      this.#frameWidget.url = url;
    } else if (this.#outdated) {
      this.#loaded = false;
      this.reload();
    }
    this.#outdated = false;
  }

  #unload(): void {
    this.#loaded = false;
    if (this.#frameWidget.url !== "") this.#frameWidget.url = NOTHING;
  }

  readonly #onLoad = (): void => {
    if (this.#frame.contentWindow?.location.href === NOTHING) return;
    this.#loaded = true;
    this.#draw();
  };

  #draw(): void {
    const { node } = this;
    node.dataset["state"] = this.#state.kind;
    // Charts that are there stay readable below what is said of them.
    node.dataset["charts"] = this.#loaded ? "shown" : "none";
    const notice = this.#whatToSay();
    this.#notice.setHidden(notice === null);
    const said = JSON.stringify([notice, this.#logdir]);
    if (notice === null || said === this.#said) return;
    this.#said = said;
    const { actions, t } = this.#options;
    this.#notice.node.replaceChildren(noticeContent(notice, this.#logdir, actions, t));
  }

  #whatToSay(): Notice | null {
    if (this.#state.kind !== "ready") return this.#state;
    return this.#loaded ? null : { kind: "loading" };
  }
}

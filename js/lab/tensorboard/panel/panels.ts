/** The panels of this page: at most one of each folder. */

import type { ILabShell, JupyterFrontEnd } from "@jupyterlab/application";
import { WidgetTracker } from "@jupyterlab/apputils";
import type { Widget } from "@lumino/widgets";
import type { Translate } from "../../../shared/i18n";
import type { Frontend } from "../servers/frontend";
import { TensorBoardPanel } from "./panel";
import { type Mode, activate, place } from "./placement";
import type { TensorBoards } from "../servers/tensorboards";

export interface PanelsOptions {
  app: JupyterFrontEnd;
  lab: ILabShell | null;
  tensorboards: TensorBoards;
  frontend: Frontend;
  t: Translate;
  choose: () => Promise<string | null>;
  mode: () => Mode;
}

export interface OpenOptions {
  mode?: Mode;
  /** The widget beside which it opens, and which keeps the focus. */
  beside?: Widget;
}

export class Panels {
  readonly tracker = new WidgetTracker<TensorBoardPanel>({ namespace: "dl-lab-tensorboard" });
  readonly #options: PanelsOptions;

  constructor(options: PanelsOptions) {
    this.#options = options;
    options.frontend.changed.connect(() => this.tracker.forEach((panel) => panel.reload()));
  }

  /** Show the panel of a folder, with TensorBoard running in it or on its way. */
  open(logdir: string, { mode, beside }: OpenOptions = {}): TensorBoardPanel {
    const { app } = this.#options;
    const there = this.tracker.find((panel) => panel.shows(logdir));
    const panel = there ?? this.#add(logdir, mode ?? this.#options.mode(), beside);
    activate(app, panel, beside);
    if (there) there.ensureRunning();
    else void panel.start();
    return panel;
  }

  #add(logdir: string, mode: Mode, beside?: Widget): TensorBoardPanel {
    const { app, lab, tensorboards, frontend, t } = this.#options;
    const panel = new TensorBoardPanel({
      logdir,
      tensorboards,
      t,
      chooseAnother: () => void this.#replace(panel),
      beforeLoad: () => frontend.preset(),
    });
    panel.identified.connect(() => this.#identified(panel, beside));
    // A second one goes where the first is, instead of halving the page again.
    const other = this.tracker.find((one) => one.isVisible);
    place(app, lab, panel, other ? { mode: "tab-after", beside: other } : { mode, beside });
    void this.tracker.add(panel);
    return panel;
  }

  /** Another folder takes the place of one that cannot be shown. */
  async #replace(panel: TensorBoardPanel): Promise<void> {
    const logdir = await this.#options.choose();
    if (logdir === null || panel.isDisposed) return;
    this.open(logdir, { mode: "tab-after", beside: panel });
    panel.dispose();
  }

  /** Remember it by its folder's real path; one folder that was asked for by two names is one. */
  #identified(panel: TensorBoardPanel, beside?: Widget): void {
    const { id } = panel.tensorboard!;
    const first = this.tracker.find((one) => one !== panel && one.tensorboard?.id === id);
    if (first) {
      panel.dispose();
      activate(this.#options.app, first, beside);
    } else {
      void this.tracker.save(panel);
    }
  }
}

/** TensorBoard's page follows Lab: its theme, and what Lab's settings say about reloading. */

import type { IThemeManager } from "@jupyterlab/apputils";
import { type ISignal, Signal } from "@lumino/signaling";
import { presetFrontend } from "./frontend_settings";

export interface Wishes {
  readonly autoReload: boolean;
  readonly followTheme: boolean;
}

export class Frontend {
  readonly #themes: IThemeManager | null;
  readonly #wishes: () => Wishes;
  readonly #changed = new Signal<this, void>(this);

  constructor(themes: IThemeManager | null, wishes: () => Wishes) {
    this.#themes = themes;
    this.#wishes = wishes;
    themes?.themeChanged.connect(() => this.update());
  }

  /** Emitted when open pages have to be loaded again to look as they should. */
  get changed(): ISignal<this, void> {
    return this.#changed;
  }

  /** Leave the wishes where a page finds them that is about to load; whether any was new. */
  preset(): boolean {
    const { autoReload, followTheme } = this.#wishes();
    const theme = followTheme ? this.#theme() : null;
    return presetFrontend(window.localStorage, { autoReload, theme });
  }

  /** The wishes may have changed. */
  update(): void {
    if (this.preset()) this.#changed.emit();
  }

  #theme(): "light" | "dark" | null {
    const name = this.#themes?.theme ?? null;
    // Before Lab has loaded its theme, or where there is no manager of themes.
    if (this.#themes === null || name === null) return null;
    return this.#themes.isLight(name) ? "light" : "dark";
  }
}

/** The dialog that asks for a folder: those with event files, filtered by typing, or any path. */

import { Dialog } from "@jupyterlab/apputils";
import { Widget } from "@lumino/widgets";
import { h, setAttribute, setText } from "../../../shared/ui/dom";
import type { Translate } from "../../../shared/i18n";
import { ago } from "../ago";
import { type Choice, choicePath, choices } from "../chooser_list";
import { problemOfReason, problemSentence } from "./problems";
import type { Logdirs, TensorBoards } from "./tensorboards";

export interface ChooserOptions {
  tensorboards: TensorBoards;
  t: Translate;
  language: string;
}

/** Ask for a folder; `null` when nothing was chosen. */
export async function chooseLogdir(options: ChooserOptions): Promise<string | null> {
  const { t } = options;
  const body = new Chooser(options, () => dialog.resolve(1));
  const dialog = new Dialog<string | null>({
    title: t("tensorboard.choose"),
    body,
    buttons: [
      Dialog.cancelButton({ label: t("tensorboard.cancel") }),
      Dialog.okButton({ label: t("tensorboard.open") }),
    ],
    focusNodeSelector: "input",
  });
  dialog.addClass("dl-tensorboard-dialog");
  const { button, value } = await dialog.launch();
  return button.accept ? value : null;
}

class Chooser extends Widget implements Dialog.IBodyWidget<string | null> {
  readonly #options: ChooserOptions;
  readonly #choose: () => void;
  readonly #input: HTMLInputElement;
  readonly #list: HTMLUListElement;
  readonly #status = h("p", { class: "dl-tensorboard-chooser-status", role: "status" });
  #logdirs: Logdirs = { logdirs: [], complete: true };
  #choices: readonly Choice[] = [];
  #active = 0;

  constructor(options: ChooserOptions, choose: () => void) {
    super();
    const { t } = options;
    this.#options = options;
    this.#choose = choose;
    this.addClass("dl-tensorboard-chooser");
    this.#list = h("ul", {
      id: "dl-tensorboard-choices",
      role: "listbox",
      "aria-label": t("tensorboard.folders"),
    });
    this.#input = h("input", {
      id: "dl-tensorboard-path",
      class: "jp-mod-styled",
      type: "text",
      role: "combobox",
      autocomplete: "off",
      spellcheck: "false",
      placeholder: t("tensorboard.path_example"),
      "aria-controls": this.#list.id,
      "aria-expanded": "true",
      "aria-autocomplete": "list",
    });
    this.node.append(
      h("label", { for: this.#input.id }, t("tensorboard.path")),
      this.#input,
      this.#status,
      this.#list,
    );
    this.#input.addEventListener("input", () => this.#filter());
    this.#input.addEventListener("keydown", (event) => this.#onKey(event));
    this.#list.addEventListener("click", (event) => this.#onClick(event));
    setText(this.#status, t("tensorboard.looking"));
    void this.#load();
  }

  /** The chosen path, absolute or from the server's root. */
  getValue(): string | null {
    const choice = this.#choices[this.#active];
    return choice ? choicePath(choice) : null;
  }

  async #load(): Promise<void> {
    const { t, tensorboards } = this.#options;
    try {
      this.#logdirs = await tensorboards.logdirs();
      setText(this.#status, this.#found());
      this.#status.hidden = this.#status.textContent === "";
    } catch (reason) {
      setText(this.#status, problemSentence(t, problemOfReason(reason)));
    }
    if (this.isDisposed) return;
    // Where there is nothing to choose from, something has to be typed.
    this.#input.required = this.#logdirs.logdirs.length === 0;
    this.#input.dispatchEvent(new Event("input", { bubbles: true }));
  }

  #found(): string {
    const { t } = this.#options;
    const { logdirs, complete } = this.#logdirs;
    if (logdirs.length === 0) return t("tensorboard.none_found");
    return complete ? "" : t("tensorboard.not_all_found");
  }

  #filter(): void {
    this.#choices = choices(this.#logdirs.logdirs, this.#input.value);
    this.#list.replaceChildren(...this.#choices.map((choice, index) => this.#row(choice, index)));
    this.#list.hidden = this.#choices.length === 0;
    this.#activate(0);
  }

  #row(choice: Choice, index: number): HTMLLIElement {
    const { t, tensorboards, language } = this.#options;
    const row = h("li", { id: `dl-tensorboard-choice-${index}`, role: "option" });
    if (choice.kind === "path") {
      row.append(h("span", {}, t("tensorboard.open_path", { path: choice.path })));
      return row;
    }
    const { path, runs, modified } = choice.logdir;
    const name = path === "" ? t("tensorboard.root") : path;
    const count = runs === 1 ? t("tensorboard.one_run") : t("tensorboard.runs", { runs });
    const when = ago(modified, Date.now() / 1000, language);
    const running = path !== "" && tensorboards.of(path)?.problem === null;
    row.append(
      h("span", { class: "dl-tensorboard-choice-name", title: name }, h("bdi", {}, name)),
      h("span", {}, running ? t("tensorboard.state_ready") : ""),
      h("span", {}, count),
      h("span", {}, when),
    );
    return row;
  }

  #activate(index: number): void {
    const rows = [...this.#list.children];
    this.#active = Math.max(0, Math.min(index, rows.length - 1));
    rows.forEach((row, at) => setAttribute(row, "aria-selected", String(at === this.#active)));
    const row = rows[this.#active];
    setAttribute(this.#input, "aria-activedescendant", row?.id);
    row?.scrollIntoView({ block: "nearest" });
  }

  #onKey(event: KeyboardEvent): void {
    const page = 8;
    const steps: Partial<Record<string, number>> = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: page,
      PageUp: -page,
    };
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    this.#activate(this.#active + step);
  }

  #onClick(event: MouseEvent): void {
    const row = event.target instanceof Element ? event.target.closest("li") : null;
    if (row === null) return;
    this.#activate([...this.#list.children].indexOf(row));
    this.#choose();
  }
}

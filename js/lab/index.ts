import type { JupyterFrontEnd, JupyterFrontEndPlugin } from "@jupyterlab/application";
import { ICommandPalette } from "@jupyterlab/apputils";
import { IDefaultFileBrowser } from "@jupyterlab/filebrowser";
import { ILauncher } from "@jupyterlab/launcher";
import { ITranslator } from "@jupyterlab/translation";
import { OPEN_PLAYGROUND, addCommands } from "./commands";
import { kernelsPlugin } from "./kernels";
import { LAUNCHER_SECTION_RANK } from "./launcher_section";
import "./style.css";
import { tensorboardPlugin } from "./tensorboard/plugin";
import { wordsOf } from "./words";

/** The launcher section "Deep learning" and the same commands in the palette. */
const launcherPlugin: JupyterFrontEndPlugin<void> = {
  id: "dl-lab:launcher",
  description: "Opens dl-lab's notebooks from the launcher and the command palette.",
  autoStart: true,
  // Notebook 7 lacks some of these.
  optional: [ITranslator, ILauncher, ICommandPalette, IDefaultFileBrowser],
  activate: (
    app: JupyterFrontEnd,
    translator: ITranslator | null,
    launcher: ILauncher | null,
    palette: ICommandPalette | null,
    fileBrowser: IDefaultFileBrowser | null,
  ) => {
    const t = wordsOf(translator);
    addCommands(app, { t, fileBrowser, translator });
    const category = t("lab.category");
    launcher?.add({
      command: OPEN_PLAYGROUND,
      category,
      categoryRank: LAUNCHER_SECTION_RANK,
      rank: 0,
    });
    palette?.addItem({ command: OPEN_PLAYGROUND, category });
  },
};

export default [launcherPlugin, kernelsPlugin, tensorboardPlugin];

/** TensorBoard in JupyterLab and Notebook 7: what the page is given, put together. */

import {
  ILabShell,
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin,
} from "@jupyterlab/application";
import { ICommandPalette, IThemeManager, showErrorMessage } from "@jupyterlab/apputils";
import { IConsoleTracker } from "@jupyterlab/console";
import { IFileBrowserFactory } from "@jupyterlab/filebrowser";
import { ILauncher } from "@jupyterlab/launcher";
import { INotebookTracker } from "@jupyterlab/notebook";
import { IRenderMimeRegistry } from "@jupyterlab/rendermime";
import { IRunningSessionManagers } from "@jupyterlab/running";
import { ISettingRegistry } from "@jupyterlab/settingregistry";
import { ITranslator } from "@jupyterlab/translation";
import type { Widget } from "@lumino/widgets";
import { LAUNCHER_SECTION_RANK } from "../launcher_section";
import { languageOf, wordsOf } from "../words";
import type { Bundle } from "./bundle";
import { cardFactory } from "./panel/card";
import { chooseLogdir } from "./servers/chooser";
import { OPEN, addCommands } from "./commands";
import { Frontend } from "./servers/frontend";
import { watchExecutions } from "./live";
import { rememberInTab, restoreLayout } from "./memory";
import { Panels } from "./panel/panels";
import { problemOfReason, problemSentence } from "./servers/problems";
import { serverOf } from "./servers/requests";
import { addRunningSection } from "./running";
import { DEFAULTS, PLUGIN, followSettings } from "./settings";
import { TensorBoards } from "./servers/tensorboards";

/** After the Playground. */
const LAUNCHER_RANK = 1;

export const tensorboardPlugin: JupyterFrontEndPlugin<void> = {
  id: PLUGIN,
  description: "TensorBoard in panels: many folders, started and proxied by the Jupyter server.",
  autoStart: true,
  // Notebook 7 lacks some of these, on some of its pages.
  optional: [
    ITranslator,
    ILabShell,
    ILayoutRestorer,
    ISettingRegistry,
    IThemeManager,
    ILauncher,
    ICommandPalette,
    IFileBrowserFactory,
    IRunningSessionManagers,
    IRenderMimeRegistry,
    INotebookTracker,
    IConsoleTracker,
  ],
  activate: (
    app: JupyterFrontEnd,
    translator: ITranslator | null,
    lab: ILabShell | null,
    restorer: ILayoutRestorer | null,
    settingRegistry: ISettingRegistry | null,
    themes: IThemeManager | null,
    launcher: ILauncher | null,
    palette: ICommandPalette | null,
    fileBrowsers: IFileBrowserFactory | null,
    running: IRunningSessionManagers | null,
    rendermime: IRenderMimeRegistry | null,
    notebooks: INotebookTracker | null,
    consoles: IConsoleTracker | null,
  ) => {
    const language = languageOf(translator);
    const t = wordsOf(translator);
    const tensorboards = new TensorBoards(serverOf(app.serviceManager.serverSettings));
    let settings = DEFAULTS;
    const frontend = new Frontend(themes, () => settings);
    const choose = () => chooseLogdir({ tensorboards, t, language });
    const panels = new Panels({
      app,
      lab,
      tensorboards,
      frontend,
      t,
      choose,
      mode: () => settings.mode,
    });
    const report = (reason: unknown) => {
      void showErrorMessage(t("tensorboard.title"), problemSentence(t, problemOfReason(reason)));
    };

    addCommands(app, { panels, fileBrowsers, choose, t });
    const category = t("lab.category");
    launcher?.add({
      command: OPEN,
      // It takes the launcher's place.
      args: { mode: "tab-after" },
      category,
      categoryRank: LAUNCHER_SECTION_RANK,
      rank: LAUNCHER_RANK,
    });
    palette?.addItem({ command: OPEN, category, args: { isPalette: true } });

    if (restorer) restoreLayout(restorer, panels);
    else rememberInTab(app, panels);
    if (running) {
      addRunningSection(running, tensorboards, (logdir) => void panels.open(logdir), report, t);
    }
    if (settingRegistry) {
      followSettings(settingRegistry, t, (changed) => {
        settings = changed;
        frontend.update();
      }).catch(report);
    }

    const mainWidgetOf = (node: HTMLElement) =>
      [...app.shell.widgets("main")].find((widget) => widget.node.contains(node));
    rendermime?.addFactory(
      cardFactory({
        tensorboards,
        t,
        open: (logdir, node) => panels.open(logdir, { beside: mainWidgetOf(node) }),
      }),
    );
    const act = ({ action, logdir }: Bundle, source: Widget) => {
      if (action === "open") panels.open(logdir, { beside: source });
      else tensorboards.stopFolder(logdir).catch(report);
    };
    if (notebooks) watchExecutions(notebooks, act);
    if (consoles) watchExecutions(consoles, act);
  },
};

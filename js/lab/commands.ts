import type { JupyterFrontEnd } from "@jupyterlab/application";
import { showErrorMessage } from "@jupyterlab/apputils";
import type { IDefaultFileBrowser } from "@jupyterlab/filebrowser";
import type { NotebookPanel } from "@jupyterlab/notebook";
import type { ITranslator } from "@jupyterlab/translation";
import type { Translate } from "../shared/i18n";
import { playgroundIcon } from "./icons";
import { notebookContent, openNewNotebook, pythonKernel, runWhenConnected } from "./notebook";

export const OPEN_PLAYGROUND = "dl-lab:open-playground";

const PLAYGROUND_CODE = "import dl_lab\n\npg = dl_lab.Playground()\npg";

export interface CommandServices {
  t: Translate;
  fileBrowser: IDefaultFileBrowser | null;
  translator: ITranslator | null;
}

/** Register `dl-lab:open-playground`: a new notebook, opened and run. */
export function addCommands(app: JupyterFrontEnd, services: CommandServices): void {
  const { t, fileBrowser, translator } = services;

  async function openPlayground(folder: string): Promise<NotebookPanel | undefined> {
    await app.serviceManager.kernelspecs.ready;
    const kernel = pythonKernel(app.serviceManager.kernelspecs.specs);
    if (!kernel) {
      await showErrorMessage(t("lab.failed"), t("lab.noKernel"));
      return undefined;
    }
    const content = notebookContent(t("lab.title"), PLAYGROUND_CODE, kernel);
    return openNewNotebook(app, folder, content);
  }

  app.commands.addCommand(OPEN_PLAYGROUND, {
    label: t("lab.playground"),
    caption: t("lab.playgroundCaption"),
    icon: playgroundIcon,
    describedBy: {
      args: {
        type: "object",
        properties: { cwd: { type: "string", description: "The folder of the new notebook" } },
      },
    },
    execute: async (args) => {
      const folder = typeof args.cwd === "string" ? args.cwd : (fileBrowser?.model.path ?? "");
      try {
        const panel = await openPlayground(folder);
        // The launcher gives way to the panel returned here, so the run goes on by itself.
        if (panel) {
          runWhenConnected(panel, translator ?? undefined).catch((reason: unknown) =>
            showErrorMessage(t("lab.failed"), String(reason)),
          );
        }
        return panel;
      } catch (reason) {
        await showErrorMessage(t("lab.failed"), String(reason));
        return undefined;
      }
    },
  });
}

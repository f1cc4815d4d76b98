/** What menus, the launcher and the palette call. */

import type { JupyterFrontEnd } from "@jupyterlab/application";
import type { IFileBrowserFactory } from "@jupyterlab/filebrowser";
import type { Translate } from "../../shared/i18n";
import { tensorboardIcon } from "../icons";
import type { Panels } from "./panel/panels";
import type { Mode } from "./panel/placement";

/** Ask for a folder, or take `logdir`, and show it. */
export const OPEN = "dl-lab:open-tensorboard";
/** Show the folders that are selected in the file browser. */
export const OPEN_SELECTED = "dl-lab:open-folder-in-tensorboard";

export interface CommandServices {
  panels: Panels;
  fileBrowsers: IFileBrowserFactory | null;
  choose: () => Promise<string | null>;
  t: Translate;
}

export function addCommands(app: JupyterFrontEnd, services: CommandServices): void {
  const { panels, fileBrowsers, choose, t } = services;

  app.commands.addCommand(OPEN, {
    label: (args) => t(args["isPalette"] ? "tensorboard.choose" : "tensorboard.title"),
    caption: t("tensorboard.caption"),
    icon: tensorboardIcon,
    describedBy: {
      args: {
        type: "object",
        properties: {
          logdir: {
            type: "string",
            description: "Folder with event files, absolute or from the server's root",
          },
          mode: { type: "string", enum: ["split-right", "tab-after"] },
        },
      },
    },
    execute: async (args) => {
      const logdir = typeof args["logdir"] === "string" ? args["logdir"] : await choose();
      const mode = modeOf(args["mode"]);
      return logdir === null ? undefined : panels.open(logdir, mode && { mode });
    },
  });

  app.commands.addCommand(OPEN_SELECTED, {
    label: t("tensorboard.open_folder"),
    caption: t("tensorboard.caption"),
    icon: tensorboardIcon,
    describedBy: { args: { type: "object", properties: {} } },
    isVisible: () => fileBrowsers !== null,
    execute: () => {
      const items = [...(fileBrowsers?.tracker.currentWidget?.selectedItems() ?? [])];
      const { contents } = app.serviceManager;
      for (const { path, type } of items) {
        if (type === "directory") panels.open(contents.localPath(path));
      }
    },
  });
}

function modeOf(value: unknown): Mode | undefined {
  return value === "split-right" || value === "tab-after" ? value : undefined;
}

/** Which panels come back when the page is loaded again. */

import type { ILayoutRestorer, JupyterFrontEnd } from "@jupyterlab/application";
import { OPEN } from "./commands";
import type { Panels } from "./panel/panels";

/** JupyterLab puts each back where it was. */
export function restoreLayout(restorer: ILayoutRestorer, panels: Panels): void {
  void restorer.restore(panels.tracker, {
    command: OPEN,
    args: ({ logdir }) => ({ logdir }),
    name: ({ logdir }) => logdir,
  });
}

/** Notebook 7 has no memory of its layout, so the browser's tab remembers. */
export function rememberInTab(app: JupyterFrontEnd, panels: Panels): void {
  const key = `dl-lab:tensorboards ${window.location.pathname}`;
  const { tracker } = panels;
  const save = () => {
    const logdirs: string[] = [];
    tracker.forEach(({ logdir }) => logdirs.push(logdir));
    window.sessionStorage.setItem(key, JSON.stringify(logdirs));
  };
  tracker.widgetAdded.connect((_, panel) => {
    save();
    panel.identified.connect(save);
    panel.disposed.connect(save);
  });
  const remembered = strings(window.sessionStorage.getItem(key));
  void app.restored.then(() => remembered.forEach((logdir) => panels.open(logdir)));
}

function strings(json: string | null): string[] {
  const value: unknown = JSON.parse(json ?? "[]");
  return Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];
}

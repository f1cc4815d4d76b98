/** Where a panel goes: JupyterLab has a main area of many widgets, Notebook 7 has not. */

import type { ILabShell, JupyterFrontEnd } from "@jupyterlab/application";
import { SplitPanel, TabPanel, type Widget } from "@lumino/widgets";

export type Mode = "split-right" | "tab-after";

/** Of the page's width: what a panel gets beside a notebook, and another side area when it opens. */
const SIDE_WIDTH = 0.5;
const OTHER_SIDE_WIDTH = 0.125;

export interface Place {
  mode: Mode;
  /** The widget beside which, or in whose area, it is put; the current one where it is missing. */
  beside?: Widget;
}

/** Put a panel that is nowhere yet into the page. */
export function place(
  app: JupyterFrontEnd,
  lab: ILabShell | null,
  panel: Widget,
  { mode, beside }: Place,
): void {
  if (lab !== null) {
    lab.add(panel, "main", { mode, ...(beside && { ref: beside.id }), activate: false });
    return;
  }
  const tabs = treeTabs(app);
  if (tabs !== null) {
    tabs.addWidget(panel);
    return;
  }
  app.shell.add(panel, "right");
  widen(panel);
}

/** Bring a panel to the front; the focus stays with `keep` where both can be seen. */
export function activate(app: JupyterFrontEnd, panel: Widget, keep?: Widget): void {
  const tabs = treeTabs(app);
  if (tabs?.widgets.includes(panel)) {
    tabs.currentWidget = panel;
    panel.activate();
    return;
  }
  app.shell.activateById(panel.id);
  if (keep === undefined || keep.isDisposed) return;
  app.shell.activateById(keep.id);
  if (!panel.isVisible) app.shell.activateById(panel.id);
}

/** The tabs of Notebook 7's page of files. */
function treeTabs(app: JupyterFrontEnd): TabPanel | null {
  const { currentWidget } = app.shell;
  return currentWidget instanceof TabPanel ? currentWidget : null;
}

/** Notebook 7's side areas begin narrower than a chart needs. */
function widen(panel: Widget): void {
  let side: Widget = panel;
  while (side.parent !== null && !(side.parent instanceof SplitPanel)) side = side.parent;
  if (!(side.parent instanceof SplitPanel)) return;
  const split = side.parent;
  side.show();
  const others = split.widgets.filter((widget) => widget !== side);
  const seen = others.filter((widget) => widget.isVisible).length;
  const left = 1 - SIDE_WIDTH - OTHER_SIDE_WIDTH * (others.length - seen);
  split.setRelativeSizes(
    split.widgets.map((widget) => {
      if (widget === side) return SIDE_WIDTH;
      return widget.isVisible ? left / seen : OTHER_SIDE_WIDTH;
    }),
  );
}

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from "@jupyterlab/application";
import { INotebookTracker } from "@jupyterlab/notebook";
import { KERNEL_LOST } from "../shared/kernel/session";

/** ipywidgets says nothing when a kernel is shut down: its widgets would go on looking alive. */
export const kernelsPlugin: JupyterFrontEndPlugin<void> = {
  id: "dl-lab:kernels",
  description: "Tells dl-lab's widgets that their kernel was shut down.",
  autoStart: true,
  optional: [INotebookTracker],
  activate: (_: JupyterFrontEnd, notebooks: INotebookTracker | null) => {
    notebooks?.widgetAdded.connect((_, { sessionContext, node }) => {
      sessionContext.kernelChanged.connect((_, { newValue }) => {
        if (newValue !== null) return;
        for (const view of node.querySelectorAll("[data-connection]")) {
          view.dispatchEvent(new Event(KERNEL_LOST));
        }
      });
    });
  },
};

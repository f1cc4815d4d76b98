import type { JupyterFrontEnd } from "@jupyterlab/application";
import type { ISessionContext } from "@jupyterlab/apputils";
import { NotebookActions, NotebookPanel } from "@jupyterlab/notebook";
import type { KernelSpec } from "@jupyterlab/services";
import type { ITranslator } from "@jupyterlab/translation";

/** The server's default kernel if it speaks Python, else its first that does. */
export function pythonKernel(
  specs: KernelSpec.ISpecModels | null,
): KernelSpec.ISpecModel | undefined {
  const all = Object.values(specs?.kernelspecs ?? {}).filter((spec) => spec !== undefined);
  const python = all.filter((spec) => spec.language.toLowerCase() === "python");
  return python.find((spec) => spec.name === specs?.default) ?? python[0];
}

/** A saved notebook document: a title, then one cell of code. */
export function notebookContent(title: string, code: string, kernel: KernelSpec.ISpecModel) {
  return {
    cells: [
      { cell_type: "markdown", id: "title", metadata: {}, source: title },
      {
        cell_type: "code",
        id: "code",
        metadata: {},
        execution_count: null,
        outputs: [],
        source: code,
      },
    ],
    metadata: {
      kernelspec: {
        name: kernel.name,
        display_name: kernel.display_name,
        language: kernel.language,
      },
    },
    nbformat: 4,
    nbformat_minor: 5,
  };
}

/**
 * Write a new notebook into `folder` and open it.
 *
 * Notebook 7 opens it in a browser tab of its own: then there is no panel here.
 */
export async function openNewNotebook(
  app: JupyterFrontEnd,
  folder: string,
  content: ReturnType<typeof notebookContent>,
): Promise<NotebookPanel | undefined> {
  const { contents } = app.serviceManager;
  const { path } = await contents.newUntitled({ path: folder, type: "notebook" });
  await contents.save(path, { type: "notebook", format: "json", content });
  const panel: unknown = await app.commands.execute("docmanager:open", {
    path,
    factory: "Notebook",
  });
  return panel instanceof NotebookPanel ? panel : undefined;
}

/** Run every cell as soon as the kernel listens; before that Lab asks for a kernel instead. */
export async function runWhenConnected(
  panel: NotebookPanel,
  translator?: ITranslator,
): Promise<void> {
  await Promise.all([panel.context.ready, panel.sessionContext.ready]);
  await connected(panel.sessionContext);
  if (!panel.isDisposed) {
    await NotebookActions.runAll(panel.content, panel.sessionContext, undefined, translator);
  }
}

/** Settles when the kernel is connected, or when nobody waits any more. */
function connected(session: ISessionContext): Promise<void> {
  return new Promise((resolve) => {
    const check = () => {
      const status = session.session?.kernel?.connectionStatus;
      if (status !== "connected" && !session.isDisposed) return;
      session.connectionStatusChanged.disconnect(check);
      session.disposed.disconnect(check);
      resolve();
    };
    session.connectionStatusChanged.connect(check);
    session.disposed.connect(check);
    check();
  });
}

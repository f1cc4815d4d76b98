// What every browser test does with JupyterLab: open a notebook, wait for its kernel, run it.
import {
  type IJupyterLabPageFixture,
  type JupyterLabPage,
  expect,
  galata,
} from "@jupyterlab/galata";
import type { Locator, Page } from "@playwright/test";
import type { NotebookPanel } from "@jupyterlab/notebook";

/** The two ipykernels every widget is tested on: without and with subshells for comms. */
export const KERNELS = ["ipykernel-6.30", "ipykernel-7.4"] as const;
export type Kernel = (typeof KERNELS)[number];

export interface NotebookOptions {
  kernel?: Kernel;
  name?: string;
}

/** A notebook document of code cells. */
function notebook(cells: readonly string[], kernel: Kernel): string {
  return JSON.stringify({
    cells: cells.map((source, index) => ({
      cell_type: "code",
      id: `cell-${index}`,
      metadata: {},
      execution_count: null,
      outputs: [],
      source,
    })),
    metadata: { kernelspec: { name: kernel, display_name: kernel, language: "python" } },
    nbformat: 4,
    nbformat_minor: 5,
  });
}

/** Open a new notebook with these cells and wait until its kernel listens. Nothing is run yet. */
export async function openNotebook(
  page: IJupyterLabPageFixture,
  tmpPath: string,
  cells: readonly string[],
  { kernel = "ipykernel-7.4", name = "test.ipynb" }: NotebookOptions = {},
): Promise<void> {
  const path = `${tmpPath}/${name}`;
  await page.contents.uploadContent(notebook(cells, kernel), "text", path);
  await openPath(page, path);
}

/** Wait until the current notebook's kernel is connected: running before opens a dialog. */
export async function kernelConnected(page: Pick<Page, "waitForFunction">): Promise<void> {
  await page.waitForFunction(() => {
    // A page that has just begun to load has no application yet.
    const app = window.jupyterapp as typeof window.jupyterapp | undefined;
    const panel = app?.shell?.currentWidget as NotebookPanel | null | undefined;
    return panel?.sessionContext?.session?.kernel?.connectionStatus === "connected";
  });
}

/** Wait until the current notebook's kernel has nothing to do, as after a restart. */
export async function kernelIdle(page: IJupyterLabPageFixture): Promise<void> {
  await page.waitForFunction(() => {
    const panel = window.jupyterapp.shell.currentWidget as NotebookPanel | null;
    return panel?.sessionContext?.kernelDisplayStatus === "idle";
  });
}

/** Load the page again, whatever it shows then. */
export async function reload(page: IJupyterLabPageFixture): Promise<void> {
  // Its type lacks the option, which galata has: by default it waits for the launcher.
  const again = page.reload as JupyterLabPage["reload"];
  const address = page.url();
  await again.call(page, { waitForIsReady: false });
  await page.locator("#jupyterlab-splash").waitFor({ state: "detached" });
  // It opens the notebook of its address once more when all looks ready, and then only its folder
  // is left there: without this wait it could come back when a test has closed it.
  if (address.endsWith(".ipynb")) await page.waitForURL((url) => url.href !== address);
}

/**
 * Open a notebook of the server's, with the kernel that it has if one runs.
 *
 * By its command: galata's own functions look for menus and tabs by their English names.
 */
export async function openPath(page: IJupyterLabPageFixture, path: string): Promise<void> {
  await page.evaluate(async (file) => {
    // What it gives back, the whole panel, is not to be sent here.
    await window.jupyterapp.commands.execute("docmanager:open", { path: file });
  }, path);
  await kernelConnected(page);
}

/** Run all cells and wait until each has finished. */
export async function runAll(page: IJupyterLabPageFixture): Promise<void> {
  await kernelConnected(page);
  await page.evaluate(() => window.jupyterapp.commands.execute("notebook:run-all-cells"));
}

/** Run code in the current notebook's kernel, outside its cells; give back what it prints. */
export async function runInKernel(page: IJupyterLabPageFixture, code: string): Promise<string> {
  const { text, error } = await page.evaluate(async (source) => {
    const panel = window.jupyterapp.shell.currentWidget as NotebookPanel;
    const kernel = panel.sessionContext.session?.kernel;
    if (!kernel) throw new Error("The notebook has no kernel.");
    const future = kernel.requestExecute({ code: source, store_history: false });
    let text = "";
    let error = "";
    future.onIOPub = ({ header, content }) => {
      if (header.msg_type === "stream") text += (content as { text: string }).text;
      if (header.msg_type === "error") error = (content as { evalue: string }).evalue;
    };
    let limit = 0;
    const silence = new Promise((_, reject) => {
      // Only a kernel that hangs reaches it, and then the test says with which line.
      limit = window.setTimeout(() => reject(new Error(`No answer in 120 s: ${source}`)), 120_000);
    });
    await Promise.race([future.done, silence]).finally(() => window.clearTimeout(limit));
    return { text, error };
  }, code);
  if (error) throw new Error(`${code}\n${error}`);
  return text;
}

/** Every error that the page throws or logs from now on, in the order they come. */
export function watchErrors(page: IJupyterLabPageFixture): string[] {
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(`${error.name}: ${error.message}`));
  page.on("console", (message) => {
    const { url } = message.location();
    // JupyterLab asks for recent notebooks again, and those of earlier tests are gone.
    const recent = url.includes("/api/contents/") && message.text().includes("404");
    if (message.type() === "error" && !recent) errors.push(`${message.text()} (${url})`);
  });
  return errors;
}

/** Lab's own settings with some of them changed. */
function settings(changed: Record<string, Record<string, unknown>>) {
  return { ...galata.DEFAULT_SETTINGS, ...changed };
}

export const DARK = {
  mockSettings: settings({
    "@jupyterlab/apputils-extension:themes": { theme: "JupyterLab Dark" },
  }),
};

/** For `test.use(SPANISH)`: galata's own wait looks for a tab that says "Launcher". */
export const SPANISH = {
  mockSettings: settings({
    "@jupyterlab/translation-extension:plugin": { locale: "es_ES" },
  }),
  waitForApplication: async (
    {}: object,
    use: (wait: (page: Page) => Promise<void>) => Promise<void>,
  ) => {
    await use(async (page) => {
      await page.locator("#jupyterlab-splash").waitFor({ state: "detached" });
      await page.locator(".jp-Launcher").waitFor();
    });
  },
};

interface Point {
  readonly x: number;
  readonly y: number;
}

/** Put down a finger for each path, move them along together, and lift them. */
export async function touch(
  page: IJupyterLabPageFixture,
  paths: readonly (readonly Point[])[],
): Promise<void> {
  // Galata's page is a stand-in, which the protocol's session does not take.
  const [tab] = page.context().pages();
  if (tab === undefined) throw new Error("There is no page.");
  const client = await page.context().newCDPSession(tab);
  const length = Math.max(...paths.map((path) => path.length));
  for (let at = 0; at < length; at++) {
    const touchPoints = paths.flatMap((path, id) => {
      const point = path[at];
      return point === undefined ? [] : [{ id, ...point }];
    });
    const type = at === 0 ? "touchStart" : "touchMove";
    await client.send("Input.dispatchTouchEvent", { type, touchPoints });
  }
  await client.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
  await client.detach();
}

/** Drop a file on an element. */
export async function drop(
  page: IJupyterLabPageFixture,
  element: Locator,
  { name, mimeType, buffer }: { name: string; mimeType: string; buffer: Buffer },
): Promise<void> {
  const dataTransfer = await page.evaluateHandle(
    ([title, type, content]) => {
      const data = new DataTransfer();
      const bytes = Uint8Array.from(atob(content), (char) => char.charCodeAt(0));
      data.items.add(new File([bytes], title, { type }));
      return data;
    },
    [name, mimeType, buffer.toString("base64")] as const,
  );
  await element.dispatchEvent("dragover", { dataTransfer });
  await expect(element).toHaveAttribute("data-drop", "");
  await element.dispatchEvent("drop", { dataTransfer });
  await expect(element).not.toHaveAttribute("data-drop", "");
}

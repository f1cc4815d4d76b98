// Classic Notebook 6 with the versions that Colab has (scripts/colab.py): its server, and its page.
import { expect } from "@playwright/test";
import type { Page } from "@playwright/test";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const ROOT = resolve(__dirname, "..");
const PYTHON = join(ROOT, ".cache", "colab", "bin", "python");
const PINS = join(ROOT, "tests", "fronts", "colab-2026-08-19.txt");

/** Only what hangs takes longer, however busy the machine. */
const STARTING_MS = 120_000;

/** What the page's own script offers. */
interface ClassicNotebook {
  execute_cells: (indices: readonly number[]) => void;
  save_notebook: () => Promise<unknown>;
  kernel: { execute: (code: string, callbacks: object, options: object) => void };
}

declare global {
  interface Window {
    Jupyter?: { notebook?: ClassicNotebook };
  }
}

/** Versions by package, as the pins have them. */
export function pins(): Record<string, string> {
  const lines = readFileSync(PINS, "utf8").split("\n");
  return Object.fromEntries(
    lines.flatMap((line) => (/^[\w-]+==/.test(line) ? [line.split("==")] : [])),
  );
}

export class Notebook6 {
  readonly #home = mkdtempSync(join(tmpdir(), "dl-lab-notebook6-"));
  readonly #token = randomBytes(24).toString("hex");
  readonly #url: string;
  readonly #log = join(this.#home, "log");
  readonly #process: ChildProcess;

  constructor() {
    const folders = {
      HOME: "home",
      JUPYTER_CONFIG_DIR: "config",
      JUPYTER_DATA_DIR: "data",
      JUPYTER_RUNTIME_DIR: "runtime",
      IPYTHONDIR: "ipython",
      TMPDIR: "tmp",
    };
    const env = Object.fromEntries(
      Object.entries(folders).map(([name, folder]) => [name, join(this.#home, folder)]),
    );
    const made = [...Object.values(env), this.#notebooks];
    made.forEach((folder) => mkdirSync(folder, { mode: 0o700 }));
    const free =
      "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); print(s.getsockname()[1])";
    const port = execFileSync(PYTHON, ["-c", free], { encoding: "utf8" }).trim();
    this.#url = `http://127.0.0.1:${port}`;
    const log = openSync(this.#log, "w", 0o600);
    const options = ["--no-browser", "--allow-root", "--ip=127.0.0.1", `--port=${port}`];
    this.#process = spawn(
      PYTHON,
      ["-m", "notebook", ...options, "--port-retries=0", `--notebook-dir=${this.#notebooks}`],
      {
        env: { ...process.env, ...env, JUPYTER_PATH: "", JUPYTER_TOKEN: this.#token },
        stdio: ["ignore", log, log],
      },
    );
  }

  get #notebooks(): string {
    return join(this.#home, "notebooks");
  }

  /** Open a new notebook with these cells and wait until its kernel listens. Nothing is run yet. */
  async open(page: Page, cells: readonly string[]): Promise<void> {
    const headers = { Authorization: `token ${this.#token}` };
    await expect
      .poll(() => this.#answers(page, headers), { message: this.#log, timeout: STARTING_MS })
      .toBe(true);
    const content = {
      cells: cells.map((source) => ({
        cell_type: "code",
        metadata: {},
        execution_count: null,
        outputs: [],
        source,
      })),
      metadata: { kernelspec: { name: "python3", display_name: "Python 3", language: "python" } },
      nbformat: 4,
      nbformat_minor: 4,
    };
    const put = await page.request.put(`${this.#url}/api/contents/test.ipynb`, {
      headers,
      data: { type: "notebook", content },
    });
    expect(put.ok(), await put.text()).toBe(true);
    // Once it has asked the kernel for the widgets that live there, ipywidgets 7 draws all outputs
    // anew and loses what has come meanwhile: nobody runs a cell that early, and no test should.
    const asked = page.waitForEvent("console", {
      predicate: (message) => message.text().startsWith("Failed to fetch ipywidgets through"),
      timeout: STARTING_MS,
    });
    await page.goto(`${this.#url}/notebooks/test.ipynb?token=${this.#token}`);
    await asked;
    await runInKernel(page, "");
  }

  async #answers(page: Page, headers: Record<string, string>): Promise<boolean> {
    if (this.#process.exitCode !== null) throw new Error(readFileSync(this.#log, "utf8"));
    const answer = await page.request.get(`${this.#url}/api/status`, { headers }).catch(() => null);
    return answer?.ok() ?? false;
  }

  /** End the server and the kernels that it has started. */
  async close(): Promise<void> {
    const ended = once(this.#process, "exit");
    if (this.#process.exitCode === null && this.#process.kill("SIGTERM")) await ended;
    rmSync(this.#home, { recursive: true, force: true });
  }
}

/** Run some cells one after the other, without waiting for their end. */
export async function runCells(page: Page, indices: readonly number[]): Promise<void> {
  await page.evaluate((cells) => window.Jupyter?.notebook?.execute_cells(cells), indices);
}

/** Run code in the notebook's kernel, outside its cells; give back what it prints. */
export async function runInKernel(page: Page, code: string): Promise<string> {
  return page.evaluate(
    (source) =>
      new Promise<string>((done, failed) => {
        let text = "";
        interface Message {
          header: { msg_type: string };
          content: { text: string; evalue: string; execution_state: string };
        }
        const output = ({ header, content }: Message) => {
          if (header.msg_type === "stream") text += content.text;
          if (header.msg_type === "error") failed(new Error(content.evalue));
        };
        // The reply overtakes what was printed; this does not.
        const status = ({ content }: Message) => {
          if (content.execution_state === "idle") done(text);
        };
        const options = { silent: false, store_history: false };
        window.Jupyter?.notebook?.kernel.execute(source, { iopub: { output, status } }, options);
      }),
    code,
  );
}

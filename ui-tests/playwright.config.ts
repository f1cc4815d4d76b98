// JupyterLab with dl-lab in a real browser: `tests` assert, `shots` take pictures, `bench` measures.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { defineConfig } from "@playwright/test";

const root = resolve(__dirname, "..");
const python = process.env.DL_LAB_PYTHON ?? join(root, ".venv", "bin", "python");
const chromium =
  process.env.CHROMIUM ??
  ["chromium", "chromium-browser", "google-chrome"]
    .map((name) => join("/usr/bin", name))
    .find((path) => existsSync(path));

// The workers read this file again and must find the port that the main process chose.
process.env.DL_LAB_UI_PORT ??= freePort();
const url = `http://127.0.0.1:${process.env.DL_LAB_UI_PORT}`;
process.env.TARGET_URL = url; // where galata looks for the server

function freePort(): string {
  const program =
    "const s = require('net').createServer().listen(0, '127.0.0.1', () => {" +
    "console.log(s.address().port); s.close(); })";
  return execFileSync(process.execPath, ["-e", program], { encoding: "utf8" }).trim();
}

export default defineConfig({
  outputDir: "../test-results/ui",
  forbidOnly: Boolean(process.env.CI),
  workers: 1, // two cores carry one browser, one server and one training kernel
  retries: 0,
  // Limits that only a hang reaches, on a busy machine too: no test has its own.
  timeout: 600_000,
  expect: { timeout: 120_000 },
  reporter: [["list"], ["junit", { outputFile: "../test-results/ui.xml" }]],
  projects: [
    { name: "tests", testDir: "tests" },
    { name: "shots", testDir: "shots", testMatch: "*.ts" },
    { name: "bench", testDir: "bench", testMatch: "*.ts" },
  ],
  use: {
    actionTimeout: 120_000, // says which click waited, where the test's own limit only says that one did
    baseURL: url,
    viewport: { width: 1280, height: 900 },
    video: "off",
    trace: "off",
    screenshot: "only-on-failure",
    launchOptions: {
      executablePath: chromium,
      args: [
        ...["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
        // A camera that films a test picture; pages must still ask for it.
        "--use-fake-device-for-media-stream",
      ],
    },
  },
  webServer: {
    command: `"${python}" serve.py`,
    env: { DL_LAB_UI_PORT: process.env.DL_LAB_UI_PORT },
    url: `${url}/lab`,
    timeout: 300_000,
    gracefulShutdown: { signal: "SIGTERM", timeout: 60_000 },
    stderr: "ignore",
  },
});

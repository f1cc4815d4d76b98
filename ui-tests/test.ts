// The browser tests' `test`: JupyterLab is loaded once by each worker, and is as new for each test.
import {
  type IJupyterLabPageFixture,
  expect,
  galata,
  test as galataTest,
} from "@jupyterlab/galata";
import type { Page } from "@playwright/test";

export { expect };

interface Shared {
  /** The page that all tests of a worker share. */
  lab: IJupyterLabPageFixture;
}

const base = galataTest.extend<object, Shared>({
  lab: [
    async ({ browser }, use) => {
      const { page } = await galata.newPage({
        browser,
        baseURL: process.env.TARGET_URL ?? "",
        waitForApplication: launched,
        autoGoto: false,
      });
      await load(page, "?reset");
      await use(page);
      await page.context().close();
    },
    { scope: "worker" },
  ],
});

/** For what needs a JupyterLab of its own: with other settings, in another language. */
export const testOfItsOwn = base.extend({
  autoGoto: false,
  page: async ({ page, tmpPath }, use) => {
    await load(page, `tree/${tmpPath}?reset`);
    await use(page);
  },
});

export const test = base.extend({
  page: async ({ lab, tmpPath }, use) => {
    await browse(lab, tmpPath);
    await use(lab);
    lab.removeAllListeners("console");
    lab.removeAllListeners("pageerror");
    await closeAll(lab);
  },
});

/** Load JupyterLab, for as long as that takes; galata gives up after 15 seconds. */
async function load(page: IJupyterLabPageFixture, path: string): Promise<void> {
  page.waitForCondition = async (condition) => {
    await expect.poll(condition, { intervals: [50] }).toBe(true);
  };
  await page.goto(path);
}

async function launched(page: Page): Promise<void> {
  await page.locator("#jupyterlab-splash").waitFor({ state: "detached" });
  await page.locator(".jp-Launcher").waitFor();
}

/** Show a folder of the server in the file browser. */
async function browse(page: IJupyterLabPageFixture, path: string): Promise<void> {
  await page.evaluate(async (folder) => {
    const args = { path: folder, dontShowBrowser: true };
    await window.jupyterapp.commands.execute("filebrowser:go-to-path", args);
  }, path);
}

/** Close what a test has opened, end its kernels and go back to what it found. */
async function closeAll(page: IJupyterLabPageFixture): Promise<void> {
  if ((await page.theme.getTheme()) !== "JupyterLab Light") await page.theme.setLightTheme();
  await browse(page, "/");
  await page.mouse.move(0, 0);
  // Again if something was still being opened; the launcher stands where nothing is open.
  await expect(async () => {
    await page.evaluate(async () => {
      const { serviceManager, shell } = window.jupyterapp;
      for (const widget of [...shell.widgets("main")]) widget.dispose();
      await serviceManager.sessions.shutdownAll();
    });
    await expect(page.locator(".jp-Launcher")).toBeVisible({ timeout: 10_000 });
  }).toPass();
}

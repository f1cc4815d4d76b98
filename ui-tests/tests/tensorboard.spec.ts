// TensorBoard in panels: every way to one, several at once, what ends it, what brings it back.
import { galata } from "@jupyterlab/galata";
import { violations } from "../axe";
import { SPANISH, openNotebook, reload, runAll, runInKernel, watchErrors } from "../lab";
import {
  type EventFiles,
  charts,
  content,
  panel,
  running,
  showsRuns,
  stopAll,
  uploadRuns,
  writeEventFiles,
} from "../tensorboard_page";
import { expect, testOfItsOwn as test } from "../test";

let events: EventFiles;

test.beforeAll(() => {
  events = writeEventFiles();
});
test.afterAll(() => events.remove());
test.afterEach(({ request }) => stopAll(request));

const card = (category: string) =>
  `.jp-LauncherCard[data-category="${category}"]:has-text("TensorBoard")`;

test("from the launcher through the chooser, and stopped in the Running section", async ({
  page,
  request,
  tmpPath,
}) => {
  const errors = watchErrors(page);
  await uploadRuns(page, events, `${tmpPath}/runs`);
  await page.locator(card("Deep learning")).click();

  const dialog = page.getByRole("dialog");
  const options = dialog.getByRole("option");
  await expect(options.filter({ hasText: `${tmpPath}/runs/mlp` })).toContainText("1 run");
  expect(await violations(page, ".dl-tensorboard-chooser")).toEqual([]);
  // By keyboard: what one types filters, arrows choose, Enter opens.
  await page.keyboard.type("tests/runs");
  await expect(options).toHaveCount(4); // the folder, its two runs, and what was typed
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowUp");
  await expect(options.first()).toHaveAttribute("aria-selected", "true");
  await page.keyboard.press("Enter");

  const runs = panel(page, "runs");
  await showsRuns(runs);
  await expect(page.locator(".jp-Launcher")).toHaveCount(0);
  await expect(page.getByRole("tab", { name: "runs" })).toHaveAttribute("title", /running$/);
  const settings = await page.evaluate(() => localStorage.getItem("_tb_global_settings"));
  expect(JSON.parse(settings ?? "{}")).toMatchObject({ autoReload: true, theme: "light" });
  const opened = page.context().waitForEvent("page");
  await runs.getByRole("button", { name: "Open in a new browser tab" }).click();
  const tab = await opened;
  await expect(tab.locator("tb-webapp")).toBeAttached();
  await tab.close();

  await page.sidebar.openTab("jp-running-sessions");
  const section = page.locator(".jp-RunningSessions-section", { hasText: "TensorBoard" });
  const item = section.locator(".jp-RunningSessions-item", { hasText: `${tmpPath}/runs` });
  await item.hover();
  await item.getByTitle("Stop TensorBoard").click();
  await expect(content(runs)).toHaveAttribute("data-state", "stopped");
  await expect(item).toHaveCount(0);
  expect(await running(request)).toEqual([]);
  await runs.getByRole("button", { name: "Start", exact: true }).click();
  await expect(item).toHaveCount(1);
  await showsRuns(runs);
  await runs.getByRole("button", { name: "Stop TensorBoard" }).click();
  await expect(runs.getByRole("status")).toContainText("Your event files stay as they are");
  expect(errors).toEqual([]);
});

test("two folders from the file browser, in the dark, back after a reload", async ({
  page,
  request,
  tmpPath,
}) => {
  await uploadRuns(page, events, `${tmpPath}/first`);
  await uploadRuns(page, events, `${tmpPath}/second`);
  await page.filebrowser.openDirectory(tmpPath);
  await page.filebrowser.refresh();
  const open = async (folder: string) => {
    await page.locator(`.jp-DirListing-item:has-text("${folder}")`).click({ button: "right" });
    await page.getByRole("menuitem", { name: "Open in TensorBoard" }).click();
  };
  const [first, second] = [panel(page, "first"), panel(page, "second")];
  await open("first");
  await showsRuns(first);
  await open("second");
  await showsRuns(second);
  await expect(first).toBeHidden(); // a tab beside it, so that the page is not halved again
  await open("first");
  await expect(first).toBeVisible();
  await expect(page.locator(".dl-tensorboard")).toHaveCount(2);
  expect((await running(request)).map(({ name }) => name)).toEqual(
    ["first", "second"].map((folder) => `${tmpPath}/${folder}`),
  );

  await page.theme.setDarkTheme();
  await expect(charts(first).locator("body.dark-mode")).toBeVisible();
  await showsRuns(first);

  await reload(page);
  await showsRuns(first);
  await expect(page.locator(".dl-tensorboard")).toHaveCount(2);
  await expect(charts(first).locator("body")).toHaveClass(/dark-mode/);
  await page.getByRole("tab", { name: "second" }).click();
  await expect(content(second)).toHaveAttribute("data-charts", "shown");
});

test("from a cell; after kill -9 it says so and starts again", async ({
  page,
  request,
  tmpPath,
}) => {
  await uploadRuns(page, events, `${tmpPath}/runs`);
  await openNotebook(page, tmpPath, [
    "import dl_lab",
    'tb = dl_lab.TensorBoard("runs")\ntb',
  ]);
  await runAll(page);
  const runs = panel(page, "runs");
  await showsRuns(runs);
  await expect(page.locator(".jp-Notebook")).toBeVisible();
  const shown = page.locator(".dl-tensorboard-card");
  await expect(shown).toContainText("running");
  // The notebook keeps the keyboard.
  expect(await page.evaluate(() => window.jupyterapp.shell.currentWidget?.title.label)).toBe(
    "test.ipynb",
  );

  await runInKernel(
    page,
    "import os, signal\nfrom dl_lab.server import rendezvous\n" +
      "[os.kill(one.pid, signal.SIGKILL) for one in rendezvous.records()]",
  );
  await expect(runs.getByRole("status")).toContainText("TensorBoard ended by itself");
  await expect(shown).toContainText("ended with a problem");
  expect(await violations(page, ".dl-tensorboard-over", ".dl-tensorboard-card")).toEqual([]);
  await runs.getByRole("button", { name: "Restart" }).click();
  await showsRuns(runs);

  // The server goes away and comes back; the charts stay meanwhile.
  await page.route("**/dl-lab/api/**", (route) => route.abort());
  await expect(runs.getByRole("status")).toContainText("The Jupyter server does not answer");
  await expect(charts(runs).locator("scalar-card").first()).toBeVisible();
  await page.unroute("**/dl-lab/api/**");
  await expect(content(runs)).toHaveAttribute("data-state", "ready");

  await page.getByRole("tab", { name: "test.ipynb" }).click();
  await runInKernel(page, "tb.stop()");
  await expect(content(runs)).toHaveAttribute("data-state", "stopped");
  await shown.getByRole("button", { name: "Open" }).click();
  await showsRuns(runs);

  // A saved output that is merely shown again opens and starts nothing.
  await page.getByRole("tab", { name: "test.ipynb" }).click();
  await page.evaluate(async () => {
    await window.jupyterapp.commands.execute("docmanager:save");
  });
  await runs.getByRole("button", { name: "Stop TensorBoard" }).click();
  await expect(shown).toContainText("stopped");
  for (const name of ["runs", "test.ipynb"]) {
    await page.getByRole("tab", { name }).locator(".lm-TabBar-tabCloseIcon").click();
  }
  await expect(shown).toHaveCount(0);
  await page.evaluate(async (path) => {
    await window.jupyterapp.commands.execute("docmanager:open", { path });
  }, `${tmpPath}/test.ipynb`);
  await expect(shown).toContainText("stopped");
  await expect(page.locator(".dl-tensorboard")).toHaveCount(0);
  expect(await running(request)).toEqual([]);
});

test.describe("in Spanish", () => {
  test.use(SPANISH);

  test("an empty chooser, a refusal, and the settings", async ({ page, tmpPath }) => {
    await page.locator(card("Aprendizaje profundo")).click();
    const dialog = page.getByRole("dialog");
    await expect(dialog).toContainText("Abrir una carpeta en TensorBoard");
    await expect(dialog.getByRole("status")).toContainText("Aún no hay archivos de eventos");
    await expect(dialog.getByRole("button", { name: "Abrir" })).toBeDisabled();
    await page.keyboard.type(`${tmpPath}/nowhere`);
    await expect(dialog.getByRole("option")).toHaveText(
      `Abrir la carpeta «${tmpPath}/nowhere»`,
    );
    await dialog.getByRole("button", { name: "Abrir" }).click();
    const refused = page.locator(".dl-tensorboard-over");
    await expect(refused).toContainText("No existe la carpeta");
    await refused.getByRole("button", { name: "Elegir otra carpeta" }).click();
    await page.keyboard.type(tmpPath);
    await page.keyboard.press("Enter");
    await expect(panel(page, tmpPath)).toBeVisible();
    await expect(refused).toHaveCount(1);
    await expect(content(panel(page, tmpPath))).toHaveAttribute("data-charts", "shown");

    await page.evaluate(() =>
      window.jupyterapp.commands.execute("settingeditor:open", { query: "TensorBoard" }),
    );
    await expect(page.locator("#SettingsEditor, .jp-SettingsPanel").first()).toContainText(
      "Seguir el tema",
    );
  });
});

test("where there is no panel: a page of its own that refuses, and opens", async ({
  browser,
  baseURL,
  request,
  tmpPath,
}) => {
  await galata.newContentsHelper(request).uploadDirectory(events.folder, `${tmpPath}/runs`);
  const page = await browser.newPage({ baseURL, locale: "es-ES" });
  const open = async (folder: string) => {
    await page.goto(`/dl-lab/tensorboard?logdir=${encodeURIComponent(folder)}`);
    await page.getByRole("button", { name: "Abrir TensorBoard" }).click();
  };
  await open(`${tmpPath}/nowhere`);
  await expect(page.getByRole("status")).toHaveText(/^No existe la carpeta .*nowhere\./);
  await open(`${tmpPath}/runs`);
  await expect(page.locator("scalar-card").first()).toBeVisible();
  await page.close();
});

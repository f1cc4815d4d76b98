// Pictures of TensorBoard's panels in each state: light, dark, narrow and in Spanish.
import { type IJupyterLabPageFixture, expect, test } from "@jupyterlab/galata";
import { join, resolve } from "node:path";
import { SPANISH, openNotebook, runAll, runInKernel } from "../lab";
import {
  type EventFiles,
  content,
  panel,
  showsRuns,
  stopAll,
  uploadRuns,
  writeEventFiles,
} from "../tensorboard_page";

const FOLDER = resolve(__dirname, "..", "..", "shots", "tensorboard");
const KILL =
  "import os, signal\nfrom dl_lab.server import rendezvous\n" +
  "[os.kill(one.pid, signal.SIGKILL) for one in rendezvous.records()]";

let events: EventFiles;

test.beforeAll(() => {
  events = writeEventFiles();
});
test.afterAll(() => events.remove());
test.afterEach(({ request }) => stopAll(request));

async function shoot(page: IJupyterLabPageFixture, name: string): Promise<void> {
  await page.mouse.move(0, 0);
  await page.screenshot({ path: join(FOLDER, `${name}.png`), animations: "disabled" });
}

async function shootThemes(
  page: IJupyterLabPageFixture,
  name: string,
  shown: () => Promise<void>,
): Promise<void> {
  await shown();
  await shoot(page, name);
  await page.theme.setDarkTheme();
  await shown();
  await shoot(page, `${name}-dark`);
  await page.theme.setLightTheme();
}

test("beside a notebook", async ({ page, tmpPath }) => {
  await page.sidebar.close();
  await uploadRuns(page, events, `${tmpPath}/runs`);
  await openNotebook(page, tmpPath, [
    "import dl_lab",
    'tb = dl_lab.TensorBoard("runs")\ntb',
  ]);
  await runAll(page);
  const runs = panel(page, "runs");
  await shootThemes(page, "panel", () => showsRuns(runs));
  await showsRuns(runs);
  await runInKernel(page, KILL);
  const failed = () => expect(content(runs)).toHaveAttribute("data-state", "failed");
  await shootThemes(page, "failed", failed);
  await page.setViewportSize({ width: 760, height: 900 });
  await shoot(page, "failed-narrow");
  await runs.getByRole("button", { name: "Restart" }).click();
  await showsRuns(runs);
  await shoot(page, "panel-narrow");
  await page.getByRole("tab", { name: "test.ipynb" }).click();
  await runInKernel(page, "tb.stop()");
  await shootThemes(page, "stopped-narrow", () =>
    expect(content(runs)).toHaveAttribute("data-state", "stopped"),
  );
});

test("the launcher and the chooser", async ({ page, tmpPath }) => {
  const card = page.locator('.jp-LauncherCard:has-text("TensorBoard")');
  await card.click();
  await expect(page.getByRole("dialog").getByRole("status")).toContainText("No event files");
  await shoot(page, "chooser-empty");
  await page.keyboard.press("Escape");
  for (const folder of ["runs", "first/course/week-3", "old"]) {
    await uploadRuns(page, events, `${tmpPath}/${folder}`);
  }
  await shootThemes(page, "launcher", () => expect(card).toBeVisible());
  await card.click();
  await shootThemes(page, "chooser", () =>
    expect(page.getByRole("option").first()).toBeVisible(),
  );
  await page.setViewportSize({ width: 360, height: 700 });
  await page.keyboard.type("week");
  await shoot(page, "chooser-narrow");
});

test.describe("in Spanish", () => {
  test.use(SPANISH);

  test("the chooser, a refusal and the settings", async ({ page, tmpPath }) => {
    await uploadRuns(page, events, `${tmpPath}/runs`);
    await page.locator('.jp-LauncherCard:has-text("TensorBoard")').click();
    await expect(page.getByRole("option").first()).toBeVisible();
    await shoot(page, "chooser-es");
    await page.keyboard.type("/nowhere");
    await page.keyboard.press("Enter");
    await expect(page.locator(".dl-tensorboard-over")).toContainText("Elige una carpeta");
    await shootThemes(page, "refused-es", () =>
      expect(page.locator(".dl-tensorboard-over")).toBeVisible(),
    );
    await page.evaluate(() =>
      window.jupyterapp.commands.execute("settingeditor:open", { query: "TensorBoard" }),
    );
    await expect(page.locator(".jp-SettingsPanel")).toContainText("Seguir el tema");
    await shoot(page, "settings-es");
  });
});

// TensorBoard in Notebook 7, whose pages have room for one main widget: beside a notebook, and as a
// tab of the page of files.
import { type APIRequestContext, expect, test } from "@playwright/test";
import { type EventFiles, content, panel, showsRuns, stopAll, writeEventFiles } from "../tensorboard_page";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { kernelConnected } from "../lab";

const FOLDER = "notebook7";
let events: EventFiles;

test.beforeAll(() => {
  events = writeEventFiles();
});
test.afterAll(() => events.remove());
test.afterEach(async ({ request }) => {
  await stopAll(request);
  await request.delete(`/api/contents/${FOLDER}`);
});

async function put(request: APIRequestContext, path: string, model: object): Promise<void> {
  const response = await request.put(`/api/contents/${path}`, { data: model });
  expect(response.ok()).toBe(true);
}

/** A folder of the server with the two runs and a notebook that opens them. */
async function fillFolder(request: APIRequestContext): Promise<void> {
  for (const folder of [FOLDER, `${FOLDER}/runs`]) await put(request, folder, { type: "directory" });
  for (const run of readdirSync(events.folder)) {
    await put(request, `${FOLDER}/runs/${run}`, { type: "directory" });
    for (const file of readdirSync(join(events.folder, run))) {
      await put(request, `${FOLDER}/runs/${run}/${file}`, {
        type: "file",
        format: "base64",
        content: readFileSync(join(events.folder, run, file)).toString("base64"),
      });
    }
  }
  const source = 'import dl_lab\n\ndl_lab.TensorBoard("runs")';
  const cell = { cell_type: "code", id: "tb", metadata: {}, execution_count: null, outputs: [], source };
  const kernelspec = { name: "ipykernel-7.4", display_name: "ipykernel-7.4", language: "python" };
  await put(request, `${FOLDER}/lesson.ipynb`, {
    type: "notebook",
    content: { cells: [cell], metadata: { kernelspec }, nbformat: 4, nbformat_minor: 5 },
  });
}

test("beside a notebook, back after a reload, and as a tab beside the files", async ({
  page,
  request,
}) => {
  const errors: string[] = [];
  // Notebook 7.6 throws a few of its own while its pages load their settings.
  page.on("pageerror", ({ stack }) => {
    if (stack?.includes("/extensions/dl-lab/")) errors.push(stack);
  });
  await fillFolder(request);
  const runs = panel(page, "runs");

  await page.goto(`/notebooks/${FOLDER}/lesson.ipynb`);
  const cell = page.locator(".jp-CodeCell .cm-content");
  await expect(cell).toBeVisible();
  await kernelConnected(page);
  await cell.click();
  await page.keyboard.press("Control+Enter");
  await showsRuns(runs);
  const width = (await runs.boundingBox())?.width ?? 0;
  expect(width).toBeGreaterThan(500);
  await expect(cell).toBeVisible();
  await expect(page.locator(".dl-tensorboard-card")).toContainText("running");

  await page.reload();
  await showsRuns(runs);

  await page.goto(`/tree/${FOLDER}`);
  await page.locator('.jp-DirListing-item:has-text("runs")').click({ button: "right" });
  await page.getByRole("menuitem", { name: "Open in TensorBoard" }).click();
  await showsRuns(runs);
  await page.getByRole("tab", { name: "Running" }).click();
  await expect(runs).toBeHidden();
  await page.locator(".jp-RunningSessions-item").getByText(`${FOLDER}/runs`).click();
  await expect(runs).toBeVisible();
  await runs.getByRole("button", { name: "Stop TensorBoard" }).click();
  await expect(content(runs)).toHaveAttribute("data-state", "stopped");
  expect(errors).toEqual([]);
});

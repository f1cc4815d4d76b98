// The launcher's section "Deep learning": one click, a new notebook, a Playground in it.
import { expect, test, testOfItsOwn } from "../test";
import { SPANISH } from "../lab";

const card = (category: string) =>
  `.jp-LauncherCard[data-category="${category}"]:has-text("Playground")`;

test("the card opens a notebook that shows the Playground", async ({ page }) => {
  await page.locator(card("Deep learning")).click();
  const panel = page.locator(".jp-NotebookPanel:visible");
  await expect(panel.getByRole("heading", { name: "Playground" })).toBeVisible();
  await expect(panel.locator(".dl-playground")).toBeVisible();
  await expect(page.locator(".jp-Dialog")).toHaveCount(0);
});

test("the palette has the same command", async ({ page }) => {
  await page.keyboard.press("Control+Shift+c");
  const palette = page.locator(".jp-ModalCommandPalette");
  await palette.getByRole("textbox").or(palette.locator("input")).first().fill("deep learning");
  await palette.locator('[data-command="dl-lab:open-playground"]').click();
  await expect(page.locator(".jp-NotebookPanel:visible .dl-playground")).toBeVisible();
});

test("the notebook is made in the folder that is open", async ({ page, tmpPath }) => {
  await page.filebrowser.openDirectory(tmpPath);
  await page.menu.clickMenuItem("File>New Launcher");
  await page.locator(card("Deep learning")).last().click();
  await expect(page.locator(".jp-NotebookPanel:visible")).toBeVisible();
  expect(await page.contents.fileExists(`${tmpPath}/Untitled.ipynb`)).toBe(true);
});

test.describe("in Spanish", () => {
  testOfItsOwn.use(SPANISH);

  testOfItsOwn("the section and the notebook speak Spanish", async ({ page }) => {
    await page.locator(card("Aprendizaje profundo")).click();
    const panel = page.locator(".jp-NotebookPanel:visible");
    await expect(panel.getByRole("paragraph")).toContainText("Construye una red con el ratón");
    await expect(panel.locator(".dl-playground")).toBeVisible();
  });
});

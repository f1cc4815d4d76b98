// Pictures of the KernelExplorer in its states and themes, for people to look at.
import { type IJupyterLabPageFixture, expect, galata, test } from "@jupyterlab/galata";
import { choose, drawn, EXPLORER, explorers, LAYER } from "../kernel_explorer_page";
import { openNotebook, runAll, SPANISH } from "../lab";

async function shoot(page: IJupyterLabPageFixture, name: string): Promise<void> {
  await page.mouse.move(5, 5);
  await explorers(page).first().screenshot({ path: `../shots/kernel_explorer_${name}.png` });
}

async function opened(page: IJupyterLabPageFixture, tmpPath: string, cells: string[]) {
  await openNotebook(page, tmpPath, cells);
  await runAll(page);
  const view = explorers(page).first();
  await drawn(view);
  return view;
}

test("light and dark", async ({ page, tmpPath }) => {
  const view = await opened(page, tmpPath, [EXPLORER]);
  await shoot(page, "light");
  await choose(view, "preset", "gabor");
  await expect(view.locator(".dl-editor")).toHaveAttribute("data-size", "9");
  await choose(view, "channels", "grey");
  await choose(view, "display", "signed");
  await shoot(page, "gabor");
  await choose(view, "image", "digit_5");
  await choose(view, "preset", "left_sobel");
  await expect(view).toHaveAttribute("data-image", "1 28 28");
  const zoom = view.locator('[data-setting="zoom"] button').last();
  await zoom.click();
  await zoom.click();
  await page.theme.setDarkTheme();
  await shoot(page, "dark");
  await page.setViewportSize({ width: 1900, height: 1000 });
  await shoot(page, "wide");
});

test("a layer's filter", async ({ page, tmpPath }) => {
  const view = await opened(page, tmpPath, [LAYER]);
  await view.getByRole("button", { name: "Write to the layer" }).click();
  await shoot(page, "layer");
  await view.getByRole("button", { name: "Code" }).click();
  await expect(view.locator("pre")).toContainText("conv2d");
  await shoot(page, "code");
  await view.getByRole("button", { name: "Help" }).click();
  await shoot(page, "help");
});

test("narrow", async ({ page, tmpPath }) => {
  await page.setViewportSize({ width: 480, height: 1100 });
  await opened(page, tmpPath, [EXPLORER]);
  await page.sidebar.close("left");
  await shoot(page, "narrow");
});

test.describe("in Spanish", () => {
  test.use(SPANISH);
  test("with what does not fit", async ({ page, tmpPath }) => {
    const view = await opened(page, tmpPath, [EXPLORER]);
    await shoot(page, "spanish");
    await choose(view, "image", "digit_2");
    await choose(view, "preset", "motion");
    await choose(view, "dilation", "8");
    await choose(view, "padding", "0");
    await expect(view).toHaveAttribute("data-fits", "false");
    await shoot(page, "spanish_misfit");
  });
});

test.use({ mockSettings: galata.DEFAULT_SETTINGS });

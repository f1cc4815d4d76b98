// The layer viewer: drawing, formulas, taking units out, training under its eyes; axe, errors.
import { violations } from "../axe";
import { drop, KERNELS, openNotebook, runAll, runInKernel, touch, watchErrors } from "../lab";
import { drawOne, layer, layersShown, LENET, TRAINED, viewers } from "../layer_viewer_page";
import { button, holds, python } from "../playground_page";
import { expect, test } from "../test";

/** A network of volumes, and how to get a picture out of the kernel. */
const VOLUMES = `import base64, io
from PIL import Image
def png(pixels):
    file = io.BytesIO()
    Image.fromarray((255 * pixels).byte().numpy()).save(file, "png")
    return base64.b64encode(file.getvalue()).decode()
torch.manual_seed(0)
cubes = torch.rand(1, 1, 6, 10, 10)
volume = torch.nn.Sequential(
    torch.nn.Conv3d(1, 4, 3, padding=1), torch.nn.AdaptiveAvgPool3d(1), torch.nn.Flatten(), torch.nn.Linear(4, 3)
)
dl_lab.LayerViewer(volume, cubes)`;

for (const kernel of KERNELS) {
  test(`a trained LeNet answers and explains itself on ${kernel}`, async ({ page, tmpPath }) => {
    const errors = watchErrors(page);
    await openNotebook(page, tmpPath, [LENET], { kernel });
    await runAll(page);
    const view = viewers(page);
    await layersShown(view);
    await expect(view).toHaveAttribute("data-guess", "0");

    await test.step("a digit is drawn, and every layer answers", async () => {
      await drawOne(page, view);
      await expect(view).toHaveAttribute("data-guess", "1");
      await expect(view.locator(".dl-examples output")).toHaveText("drawn");
      await view.getByRole("button", { name: "Example 3", exact: true }).click();
      await expect(view).toHaveAttribute("data-guess", "3");
    });

    await test.step("a unit is explained with torch's own numbers", async () => {
      await layer(view, "conv2").click({ position: { x: 40, y: 12 } });
      await expect(view.locator(".dl-unit-name h4")).toHaveText("conv2 · unit 1");
      const at = (await view.locator(".dl-unit-name .dl-label").textContent())?.match(/\d+/g) ?? [];
      const [y, x] = at.slice(-2);
      const torch = await python(page, `f"{model[:4](images[3:4])[0, 1, ${y}, ${x}].item():.2f}"`);
      const shown = (await view.locator(".dl-answer").textContent())?.replace("−", "-") ?? "";
      expect(Number(shown)).toBeCloseTo(Number(torch), 1);
      await expect(view.locator(".dl-sum")).toContainText("Σ of 150 products");
      await expect(view.locator(".dl-sight")).toContainText("Sees 14×14 of the input");
      await expect(view.locator(".dl-edges path")).toHaveCount(6);
    });

    await test.step("it is taken out by keys and comes back", async () => {
      await button(view, "Take out").focus();
      await page.keyboard.press("Enter");
      await holds(page, "[c['unit'] for c in viewer.changes]", "[1]");
      await expect(view.locator(".dl-changes")).toContainText("1 unit changed");
      await button(view, "Undo").click();
      await holds(page, "viewer.changes", "[]");
      await layer(view, "conv1").focus();
      await page.keyboard.press("ArrowRight");
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("Enter");
      await expect(view.locator(".dl-unit-name h4")).toContainText("relu1");
    });

    await test.step("attribution, filters and Python", async () => {
      await view.getByLabel("Why this class").selectOption("grad_cam");
      await holds(page, "viewer.attribution", "grad_cam");
      await runInKernel(page, "viewer.show = 'filters'");
      await expect(view.getByLabel("Show", { exact: true })).toHaveValue("filters");
      await expect(view.locator('[data-layer="relu1"] .dl-row-note')).toHaveText("No weights here.");
      await runInKernel(page, "viewer.show = 'activations'");
    });
    expect(errors).toEqual([]);
  });
}

test("a network learns under its eyes, and axe finds nothing", async ({ page, tmpPath }) => {
  await openNotebook(page, tmpPath, [TRAINED]);
  await runAll(page);
  const view = viewers(page);
  await layersShown(view);
  await button(view, "Train").click();
  await expect(view).toHaveAttribute("data-epoch", /^[2-9]/);
  await button(view, "Pause").click();
  await holds(page, "trainer.state", "paused");
  await view.getByLabel("Epoch").focus();
  await page.keyboard.press("Home");
  await holds(page, "viewer.kept", "0");
  await expect(view.getByLabel("Epoch")).toHaveAttribute("aria-valuetext", "0");
  await page.keyboard.press("End");
  await holds(page, "viewer.kept", "None");
  await layer(view, "pool1").click({ position: { x: 20, y: 20 } });
  await expect(view.locator(".dl-sum")).toContainText("largest of 4");

  for (const theme of ["light", "dark"]) {
    if (theme === "dark") await page.theme.setDarkTheme();
    expect(await violations(page, ".dl-layer-viewer"), theme).toEqual([]);
  }
});

test("a finger draws, files are shown, volumes go slice by slice", async ({ page, tmpPath }) => {
  const errors = watchErrors(page);
  await openNotebook(page, tmpPath, [LENET, VOLUMES]);
  await runAll(page);
  const [view, volumes] = [viewers(page).first(), viewers(page).last()];
  await layersShown(view);

  await test.step("a one, drawn with a finger", async () => {
    await view.scrollIntoViewIfNeeded();
    const box = await view.locator(".dl-canvas").boundingBox();
    if (box === null) throw new Error("There is no input.");
    const line = Array.from({ length: 9 }, (_, i) => ({
      x: box.x + box.width * (0.55 - 0.01 * i),
      y: box.y + box.height * (0.18 + 0.08 * i),
    }));
    await touch(page, [line]);
    await expect(view.locator(".dl-examples output")).toHaveText("drawn");
    await expect(view).toHaveAttribute("data-guess", "1");
  });

  await test.step("a picture from a file, and a file that is none", async () => {
    const seven = await python(page, "png(images[(labels == 7).nonzero()[0, 0], 0])");
    const choose = async (name: string, mimeType: string, buffer: Buffer) => {
      const [chooser] = await Promise.all([
        page.waitForEvent("filechooser"),
        view.getByText("Upload", { exact: true }).click(),
      ]);
      await chooser.setFiles({ name, mimeType, buffer });
    };
    await choose("seven.png", "image/png", Buffer.from(seven, "base64"));
    await expect(view).toHaveAttribute("data-guess", "7");
    await choose("seven.png", "image/png", Buffer.from("no picture"));
    await expect(view.locator(".dl-notice")).toContainText("seven.png");
    await expect(view).toHaveAttribute("data-guess", "7");
    const two = await python(page, "png(images[(labels == 2).nonzero()[0, 0], 0])");
    const file = { name: "two.png", mimeType: "image/png", buffer: Buffer.from(two, "base64") };
    await drop(page, view.locator(".dl-paper"), file);
    await expect(view).toHaveAttribute("data-guess", "2");
  });

  await test.step("another slice of a volume", async () => {
    await volumes.scrollIntoViewIfNeeded();
    await layersShown(volumes);
    await volumes.locator('[data-layer="0"]').getByLabel("slice").fill("4");
    await layer(volumes, "0").click({ position: { x: 20, y: 20 } });
    const place = volumes.locator(".dl-unit-name .dl-label");
    await expect(place).toContainText("(4, ");
    const [y, x] = ((await place.textContent())?.match(/\d+/g) ?? []).slice(-2);
    const torch = await python(page, `f"{volume[0](cubes)[0, 0, 4, ${y}, ${x}].item():.3f}"`);
    const shown = (await volumes.locator(".dl-answer").textContent())?.replace("−", "-") ?? "";
    expect(Number(shown)).toBeCloseTo(Number(torch), 2);
  });
  expect(errors).toEqual([]);
});

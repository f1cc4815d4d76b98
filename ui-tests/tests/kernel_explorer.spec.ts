// The KernelExplorer: every number against torch in the kernel, editing by mouse, keys and typing,
// images from files and drawing, a layer's filters.
import type { IJupyterLabPageFixture } from "@jupyterlab/galata";
import type { Locator } from "@playwright/test";
import { choose, drawn, EXPLORER, explorers, LAYER, numbers } from "../kernel_explorer_page";
import { drop, KERNELS, openNotebook, runAll, runInKernel, watchErrors } from "../lab";
import { button, holds, notice, python } from "../playground_page";
import { expect, test } from "../test";

/** What torch computes for the pixel that the view shows. */
const CHECK = `
import json
def shown(plane, y, x):
    image, k, s, d = explorer.image, explorer.size, explorer.stride, explorer.dilation
    if explorer.channels == "grey" and len(image) == 3:
        image = (image * torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(0, keepdim=True)
    same = explorer.padding == "same"
    left = d * (k - 1) // 2 if same else explorer.padding
    right = d * (k - 1) - left if same else left
    mode = "constant" if explorer.padding_mode == "zeros" else explorer.padding_mode
    padded = torch.nn.functional.pad(image[None], (left, right, left, right), mode=mode)[0]
    window = padded[plane, y * s : y * s + d * k : d, x * s : x * s + d * k : d][:k, :k]
    kernel = explorer.kernel if explorer.kernel.ndim == 2 else explorer.kernel[plane]
    output = explorer.output[plane if explorer.channels == "each" else 0, y, x]
    print(json.dumps([v.flatten().tolist() for v in (window, kernel, window * kernel, output)]))
`;

async function boxOf(element: Locator) {
  const box = await element.boundingBox();
  if (box === null) throw new Error("It has no place on the page.");
  return box;
}

async function expectAsTorch(page: IJupyterLabPageFixture, view: Locator, plane = 0): Promise<void> {
  const [y, x] = ((await view.getAttribute("data-place")) ?? "").split(" ");
  const told = await runInKernel(page, `shown(${plane}, ${y}, ${x})`);
  const [window, kernel, products, [output]] = JSON.parse(told) as [
    number[],
    number[],
    number[],
    [number],
  ];
  const near = (found: number[], wanted: number[]) => {
    expect(found).toHaveLength(wanted.length);
    found.forEach((value, i) => expect(value).toBeCloseTo(wanted[i] ?? NaN, 5));
  };
  near(await numbers(view, "window"), window);
  near(await numbers(view, "kernel"), kernel);
  near(await numbers(view, "products"), products);
  expect(Number(await view.getAttribute("data-sum"))).toBeCloseTo(output, 4);
}

/** A PNG of one colour, in base64. */
async function plainPicture(page: IJupyterLabPageFixture, width: number, height: number) {
  return page.evaluate(
    ([wide, high]) => {
      const canvas = document.createElement("canvas");
      canvas.width = wide;
      canvas.height = high;
      const pen = canvas.getContext("2d");
      if (pen === null) throw new Error("There is no canvas.");
      pen.fillStyle = "rgb(255,51,0)";
      pen.fillRect(0, 0, wide, high);
      return canvas.toDataURL("image/png").split(",")[1] ?? "";
    },
    [width, height] as const,
  );
}

for (const kernel of KERNELS) {
  test(`shows what torch computes on ${kernel}`, async ({ page, tmpPath }) => {
    const errors = watchErrors(page);
    await openNotebook(page, tmpPath, [EXPLORER], { kernel });
    await runAll(page);
    const view = explorers(page);
    await drawn(view);
    await runInKernel(page, CHECK);
    const output = view.locator(".dl-output");

    await test.step("under the pointer, and kept by a click", async () => {
      await output.hover({ position: { x: 3, y: 100 } });
      await expectAsTorch(page, view);
      await expect(view.locator(".dl-block-window .dl-numbers")).toHaveAttribute("data-outside", "0");
      await output.click({ position: { x: 1, y: 1 } });
      await page.mouse.move(5, 5);
      await expect(view).toHaveAttribute("data-place", /^[0-2] [0-2]$/);
      await view.locator(".dl-input").focus();
      await page.keyboard.press("Home");
      await page.keyboard.press("PageUp");
      await expect(view).toHaveAttribute("data-place", "0 0");
      await expect(view.locator(".dl-block-window .dl-numbers")).toHaveAttribute("data-outside", "5");
      await expectAsTorch(page, view);
    });

    await test.step("with every setting", async () => {
      await choose(view, "padding_mode", "reflect");
      await choose(view, "stride", "3");
      await choose(view, "dilation", "2");
      await choose(view, "plane", "2");
      await holds(page, "explorer.padding_mode, explorer.stride, explorer.dilation", "reflect 3 2");
      await expectAsTorch(page, view, 2);
      await choose(view, "channels", "sum");
      await holds(page, "explorer.channels", "sum");
      await expectAsTorch(page, view, 2);
      await choose(view, "channels", "grey");
      await choose(view, "preset", "gabor");
      await expect(view.locator(".dl-editor")).toHaveAttribute("data-size", "9");
      await holds(page, "explorer.channels, explorer.presets[0]", "grey gabor");
      await expectAsTorch(page, view);
    });

    await test.step("typing, arrow keys and dragging edit the kernel", async () => {
      await choose(view, "preset", "sharpen");
      await expect(view.locator(".dl-editor")).toHaveAttribute("data-size", "3");
      const cell = (row: number, column: number) =>
        view.getByLabel(`Row ${row}, column ${column}`, { exact: true });
      await cell(1, 1).click();
      await page.keyboard.type("-0.25");
      await page.keyboard.press("Enter");
      await holds(page, "explorer.kernel[0, 0].item()", "-0.25");
      await expect(cell(2, 1)).toBeFocused();
      await page.keyboard.press("ArrowUp");
      await page.keyboard.press("Shift+ArrowUp");
      await holds(page, "round(explorer.kernel[1, 0].item(), 4)", "0.1");
      await page.keyboard.press("ArrowRight");
      await expect(cell(2, 2)).toBeFocused();
      const box = await boxOf(cell(3, 3));
      await page.mouse.move(box.x + 20, box.y + 20);
      await page.mouse.down();
      await page.mouse.move(box.x + 40, box.y + 20, { steps: 4 });
      await page.mouse.up();
      await holds(page, "round(explorer.kernel[2, 2].item(), 4)", "0.5");
      await expectAsTorch(page, view);
      await expect(view.locator('select[data-setting="preset"]')).toHaveValue("own");
      await cell(1, 1).fill("much");
      await page.keyboard.press("Tab");
      await expect(notice(view)).toContainText("“much” is not a number");
      await button(view, "Dismiss").click();
    });

    await test.step("changes are taken back, in the kernel and not in the notebook", async () => {
      const cells = await page.locator(".jp-Cell").count();
      await runInKernel(page, "before = explorer.kernel");
      const back = "bool((explorer.kernel == before).all())";
      for (const act of ["keys", "button"]) {
        await view.locator(".dl-normalize").click();
        await holds(page, back, "False");
        if (act === "keys") {
          await view.getByLabel("Row 1, column 1", { exact: true }).click();
          await page.keyboard.press("Control+z");
        } else await button(view, "Undo the kernel's last change").click();
        await holds(page, back, "True");
      }
      await expectAsTorch(page, view);
      expect(await page.locator(".jp-Cell").count()).toBe(cells);
    });

    await test.step("Python changes both", async () => {
      await runInKernel(page, "explorer.kernel = torch.ones(2, 2); explorer.image = torch.eye(6)");
      await expect(view).toHaveAttribute("data-image", "1 6 6");
      await expect(view.locator(".dl-editor")).toHaveAttribute("data-size", "2");
      await expectAsTorch(page, view);
    });
    expect(errors).toEqual([]);
  });
}

test("images from a file and from drawing become Python's, from the camera they do not", async ({ page, tmpPath }) => {
  await openNotebook(page, tmpPath, [EXPLORER]);
  await runAll(page);
  const view = explorers(page);
  await drawn(view);

  await test.step("a file", async () => {
    const png = await plainPicture(page, 4, 2);
    const files = { name: "red.png", mimeType: "image/png", buffer: Buffer.from(png, "base64") };
    await view.locator('input[type="file"]').setInputFiles(files);
    await holds(page, "tuple(explorer.image.shape)", "(3, 2, 4)");
    expect(await python(page, "[round(v, 4) for v in explorer.image[:, 0, 0].tolist()]")).toBe(
      "[1.0, 0.2, 0.0]",
    );
    await expect(view).toHaveAttribute("data-image", "3 2 4");
    const text = { name: "a.png", mimeType: "image/png", buffer: Buffer.from("no image") };
    await view.locator('input[type="file"]').setInputFiles(text);
    await expect(notice(view)).toContainText("not an image that the browser can read");
    await button(view, "Dismiss").click();
  });

  await test.step("a file that is dropped", async () => {
    await drop(page, view.locator(".dl-input"), {
      name: "red.png",
      mimeType: "image/png",
      buffer: Buffer.from(await plainPicture(page, 5, 3), "base64"),
    });
    await holds(page, "tuple(explorer.image.shape)", "(3, 3, 5)");
  });

  await test.step("drawing with the mouse and with keys", async () => {
    await button(view, "Draw").click();
    const box = await boxOf(view.locator(".dl-input"));
    await page.mouse.move(box.x + 60, box.y + 120);
    await page.mouse.down();
    await page.mouse.move(box.x + 180, box.y + 120, { steps: 6 });
    await page.mouse.up();
    await holds(page, "tuple(explorer.image.shape)", "(1, 28, 28)");
    await holds(page, "bool((explorer.image[0].max(0).values[8:20] == 1).all())", "True");
    await view.locator(".dl-input").focus();
    await page.keyboard.press("Home");
    await page.keyboard.press(" ");
    await holds(page, "bool(explorer.image[0, :, 0].max() > 0.5)", "True");
    await button(view, "Draw").click();
    await expect(view.locator(".dl-input")).not.toHaveAttribute("data-drawing", "");
    await expect(view).toHaveAttribute("data-image", "1 28 28");
  });

  await test.step("the camera, which asks first and whose pictures stay in the browser", async () => {
    await button(view, "Camera").click();
    await expect(notice(view)).toContainText("did not give access to the camera");
    await button(view, "Dismiss").click();
    await page.context().grantPermissions(["camera"]);
    await button(view, "Camera").click();
    await expect(view).toHaveAttribute("data-image", /^3 1\d\d 192$/);
    const frames = async () => Number(await view.getAttribute("data-drawn"));
    const first = await frames();
    await expect.poll(frames).toBeGreaterThan(first + 3);
    await button(view, "Freeze").click();
    await expect(button(view, "Camera")).toHaveAttribute("aria-pressed", "true");
    expect(await python(page, "tuple(explorer.image.shape)")).toBe("(1, 28, 28)");
    await button(view, "Camera").click();
    await expect(view).toHaveAttribute("data-image", "1 28 28");
    await page.context().clearPermissions();
  });
});

test("takes filters from a layer, and writes one back", async ({ page, tmpPath }) => {
  await openNotebook(page, tmpPath, [LAYER]);
  await runAll(page);
  const view = explorers(page);
  await drawn(view);
  await choose(view, "filter", "3");
  await holds(page, "bool((explorer.output[0] == layer(explorer.image[None])[0, 3]).all())", "True");
  await runInKernel(page, "before = layer.weight.detach().clone()");
  const cell = view.getByLabel("Row 1, column 1", { exact: true });
  await cell.click();
  await page.keyboard.type("2");
  await page.keyboard.press("Enter");
  await holds(page, "explorer.kernel[0, 0, 0].item()", "2.0");
  await button(view, "Write to the layer").click();
  await holds(page, "layer.weight[3, 0, 0, 0].item(), int((layer.weight != before).sum())", "2.0 1");
  await button(view, "Undo (1)").click();
  await holds(page, "bool((layer.weight == before).all())", "True");
  await button(view, "Code").click();
  await expect(view.locator("pre")).toContainText("conv2d");
});

// What one picture of the KernelExplorer costs while a cell of the kernel is edited and while the
// pointer moves, on the 256×256 photograph: main-thread time of the page alone.
import { expect, test } from "@jupyterlab/galata";
import { frameCost, pointer } from "../busy";
import { drawn, explorers } from "../kernel_explorer_page";
import { openNotebook, runAll, runInKernel } from "../lab";

const FRAMES = 120;

const CASES = [
  { name: "3×3, grey", channels: "grey", size: 3 },
  { name: "3×3, colour", channels: "each", size: 3 },
  { name: "11×11, grey", channels: "grey", size: 11 },
  { name: "11×11, colour", channels: "each", size: 11 },
];

test("a picture while editing", async ({ page, tmpPath }) => {
  const cell = "import dl_lab, torch\nexplorer = dl_lab.KernelExplorer()\nexplorer";
  await openNotebook(page, tmpPath, [cell]);
  await runAll(page);
  const view = explorers(page);
  await drawn(view);
  const press =
    'widget.querySelector(".dl-editor input").dispatchEvent(new KeyboardEvent("keydown", ' +
    '{ key: round % 20 < 10 ? "ArrowUp" : "ArrowDown", bubbles: true, cancelable: true }));';

  const hovering = pointer(".dl-output", "20 + round", "100");

  console.log("\n256×256, milliseconds a frame");
  for (const { name, channels, size } of CASES) {
    const settings = `explorer.kernel = "random"; explorer.set(size=${size}, channels="${channels}")`;
    await runInKernel(page, settings);
    await expect(view.locator(".dl-editor")).toHaveAttribute("data-size", String(size));
    const edit = await frameCost(page, ".dl-kernel-explorer", press, FRAMES);
    const hover = await frameCost(page, ".dl-kernel-explorer", hovering, FRAMES);
    console.log(
      `  ${name.padEnd(14)} editing ${edit.toFixed(1).padStart(5)}   pointing ${hover.toFixed(1).padStart(5)}`,
    );
  }
  expect(Number(await view.getAttribute("data-drawn"))).toBeGreaterThan(FRAMES);
});

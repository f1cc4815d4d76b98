// What one picture of the KernelExplorer costs while a cell of the kernel is edited and while the
// pointer moves, on the 256×256 photograph: main-thread time of the page alone.
import { expect, test } from "@jupyterlab/galata";
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
  test.setTimeout(180_000);
  const cell = "import dl_lab, torch\nexplorer = dl_lab.KernelExplorer()\nexplorer";
  await openNotebook(page, tmpPath, [cell]);
  await runAll(page);
  const view = explorers(page);
  await drawn(view);
  const [tab] = page.context().pages();
  if (tab === undefined) throw new Error("There is no page.");
  const client = await page.context().newCDPSession(tab);
  // Time on the processor: kernel, server and browser share two of them.
  await client.send("Performance.enable", { timeDomain: "threadTicks" });
  const busy = async () => {
    const { metrics } = await client.send("Performance.getMetrics");
    return (metrics.find(({ name }) => name === "TaskDuration")?.value ?? NaN) * 1000;
  };
  /** Milliseconds for each frame in which `act` is done once. */
  const each = async (act: string) => {
    const before = await busy();
    await page.evaluate(
      async ({ source, frames }) => {
        const widget = document.querySelector(".dl-kernel-explorer");
        const run = new Function("widget", "round", source);
        for (let round = 0; round < frames; round++) {
          run(widget, round);
          await new Promise((resolve) => requestAnimationFrame(resolve));
        }
      },
      { source: act, frames: FRAMES },
    );
    return ((await busy()) - before) / FRAMES;
  };
  const pointer = (kind: string, x: string) =>
    `const target = widget.querySelector(".dl-${kind}"); const box = target.getBoundingClientRect();` +
    `target.dispatchEvent(new PointerEvent("pointermove", { bubbles: true,` +
    `clientX: box.x + ${x}, clientY: box.y + 100 }));`;
  const press =
    'widget.querySelector(".dl-editor input").dispatchEvent(new KeyboardEvent("keydown", ' +
    '{ key: round % 20 < 10 ? "ArrowUp" : "ArrowDown", bubbles: true, cancelable: true }));';

  console.log("\n256×256, milliseconds a frame");
  for (const { name, channels, size } of CASES) {
    const settings = `explorer.kernel = "random"; explorer.set(size=${size}, channels="${channels}")`;
    await runInKernel(page, settings);
    await expect(view.locator(".dl-editor")).toHaveAttribute("data-size", String(size));
    const edit = await each(press);
    const hover = await each(pointer("output", "20 + round"));
    console.log(
      `  ${name.padEnd(14)} editing ${edit.toFixed(1).padStart(5)}   pointing ${hover.toFixed(1).padStart(5)}`,
    );
  }
  expect(Number(await view.getAttribute("data-drawn"))).toBeGreaterThan(FRAMES);
});

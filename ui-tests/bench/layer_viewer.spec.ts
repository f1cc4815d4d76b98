// From a stroke until all layers are drawn, from running the cell until a 60-layer net is open, and
// what scrolling through it costs.
import { expect, type IJupyterLabPageFixture, test } from "@jupyterlab/galata";
import { frameCost } from "../busy";
import { openNotebook, runAll, runInKernel } from "../lab";
import { layer, layersShown, LENET, viewers } from "../layer_viewer_page";

const STROKES = 60;
const FRAMES = 240;
/** What the slider of a row says when its images are there: the unit, and its largest value. */
const SHOWN = /unit \d+, largest value -?\d/;

const RESNET = `import dl_lab, torch
from torch import nn
class Block(nn.Module):
    def __init__(self, before, width, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(before, width, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.down = nn.Conv2d(before, width, 1, stride) if before != width else nn.Identity()
    def forward(self, x):
        y = self.norm2(self.conv2(self.relu(self.norm1(self.conv1(x)))))
        return self.relu(y + self.down(x))
widths = [(16, 16, 1)] * 3 + [(16, 32, 2)] + [(32, 32, 1)] * 2 + [(32, 64, 2)] + [(64, 64, 1)] * 2
net = nn.Sequential(
    nn.Conv2d(3, 16, 3, 1, 1), nn.BatchNorm2d(16), nn.ReLU(inplace=True),
    *[Block(*one) for one in widths],
    nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10),
)
inputs = torch.rand(8, 3, 64, 64)`;

/** Milliseconds until a frame that came after the act has been painted. */
async function painted(page: IJupyterLabPageFixture, x: number, y: number): Promise<number> {
  return page.evaluate(
    ({ left, top }) =>
      new Promise<number>((resolve) => {
        const view = document.querySelector(".dl-layer-viewer");
        const canvas = view?.querySelector(".dl-canvas");
        if (!view || !canvas) throw new Error("There is no input.");
        const began = performance.now();
        const observer = new MutationObserver(() => {
          observer.disconnect();
          // Once the browser has put it on the screen.
          requestAnimationFrame(() => resolve(performance.now() - began));
        });
        observer.observe(view, { attributeFilter: ["data-frames"] });
        const box = canvas.getBoundingClientRect();
        const event = (type: string) =>
          new PointerEvent(type, {
            clientX: box.left + left * box.width,
            clientY: box.top + top * box.height,
            pointerId: 1,
            bubbles: true,
          });
        Object.assign(canvas, { setPointerCapture: () => undefined });
        canvas.dispatchEvent(event("pointerdown"));
        canvas.dispatchEvent(event("pointerup"));
      }),
    { left: x, top: y },
  );
}

test("stroke to layers", async ({ page, tmpPath }) => {
  await openNotebook(page, tmpPath, [LENET]);
  await runAll(page);
  const view = viewers(page);
  await layersShown(view);
  // It has looked for signs of trouble: nothing else is to be computed.
  await expect(view.locator('.dl-layer[data-layer="conv1"]')).toHaveAttribute("data-health", /\d/);
  const took: number[] = [];
  for (let i = 0; i < STROKES; i++) {
    took.push(await painted(page, 0.2 + 0.6 * (i / STROKES), 0.3 + 0.4 * ((i % 7) / 7)));
    await page.waitForTimeout(120); // as a hand pauses
  }
  took.sort((a, b) => a - b);
  const at = (share: number) => took[Math.floor(share * (took.length - 1))]?.toFixed(0);
  console.log(`\nLeNet, ${STROKES} strokes: median ${at(0.5)} ms, p95 ${at(0.95)} ms`);
  expect(took.length).toBe(STROKES);
});

test("a ResNet opens", async ({ page, tmpPath }) => {
  await openNotebook(page, tmpPath, [RESNET, "viewer = dl_lab.LayerViewer(net, inputs)\nviewer"]);
  await runInKernel(page, `${RESNET}\ndl_lab.LayerViewer`);
  const began = performance.now();
  await page.evaluate(() => window.jupyterapp.commands.execute("notebook:run-all-cells"));
  await layersShown(viewers(page));
  await expect(layer(viewers(page), "3.conv1")).toHaveAttribute("aria-valuetext", SHOWN);
  const layers = await viewers(page).getAttribute("data-layers");
  console.log(`\n${layers} layers: open in ${(performance.now() - began).toFixed(0)} ms`);
});

test("a ResNet scrolls", async ({ page, tmpPath }) => {
  await openNotebook(page, tmpPath, [RESNET, "viewer = dl_lab.LayerViewer(net, inputs)\nviewer"]);
  await runAll(page);
  await layersShown(viewers(page));
  console.log("");
  for (const pixels of [4, 12, 40]) {
    const scroll = `
      const list = widget.querySelector(".dl-scroll");
      const end = list.scrollHeight - list.clientHeight;
      const way = (round * ${pixels}) % (2 * end);
      list.scrollTop = way < end ? way : 2 * end - way;
      const { top, bottom } = list.getBoundingClientRect();
      for (const units of list.querySelectorAll(".dl-units")) {
        const box = units.getBoundingClientRect();
        if (box.bottom < top || box.top > bottom) continue;
        const name = ${SHOWN}.test(units.getAttribute("aria-valuetext")) ? "full" : "empty";
        widget.dataset[name] = Number(widget.dataset[name] ?? 0) + 1;
      }`;
    const cost = await frameCost(page, ".dl-layer-viewer", scroll, FRAMES);
    const [empty = 0, full = 0] = await viewers(page).evaluate((view) => {
      const counts = ["empty", "full"].map((name) => Number(view.dataset[name] ?? 0));
      delete view.dataset["empty"];
      delete view.dataset["full"];
      return counts;
    });
    const share = (100 * empty) / (empty + full);
    console.log(
      `78 layers, ${pixels} pixels a frame: ${cost.toFixed(1)} ms a frame, ` +
        `${share.toFixed(1)} % of the rows in sight without images`,
    );
  }
});

// A graph that follows a Trainer: colours move, the first NaN, a click opens the layer's units.
import type { IJupyterLabPageFixture } from "@jupyterlab/galata";
import { expect as expectOf, type Locator, type Page, test as plainTest } from "@playwright/test";
import { violations } from "../axe";
import { viewOf, shown } from "../contract_page";
import { kernelConnected, KERNELS, openNotebook, runAll, runInKernel, watchErrors } from "../lab";
import { python } from "../playground_page";
import { expect, test } from "../test";

const TRAINED = `import dl_lab, torch
from torch import nn
torch.manual_seed(0)
digits = dl_lab.data.digits()
model = nn.Sequential(
    nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(128, 10)
)
sgd = torch.optim.SGD(model.parameters(), lr=0.1)
trainer = dl_lab.Trainer(model, nn.CrossEntropyLoss(), sgd, digits.train, seed=0)
viewer = dl_lab.GraphViewer(model, digits.train[0][:8], trainer=trainer, colour="activations")
viewer`;

const LENGTHS = `import dl_lab, torch
from torch import nn
class Length(nn.Module):
    def __init__(self):
        super().__init__()
        self.turn = nn.Linear(4, 4, bias=False)
    def forward(self, x):
        return self.turn(x).square().sum(1).sqrt()
torch.manual_seed(0)
vectors = torch.randn(200, 4)
vectors[77] = 0
length = Length()
sgd = torch.optim.SGD(length.parameters(), lr=0.05)
data = vectors, vectors.norm(dim=1)
trainer = dl_lab.Trainer(length, nn.MSELoss(), sgd, data, batch_size=10, seed=0)
viewer = dl_lab.GraphViewer(length, vectors[:8], trainer=trainer, colour="gradients")
viewer`;

const graph = (page: IJupyterLabPageFixture) => viewOf(page, "graph_viewer");

/** Find a layer by its class, and choose it. */
async function choose(view: Locator, name: string): Promise<void> {
  const field = view.getByRole("searchbox");
  await field.fill(name);
  await field.press("Enter");
  await expectOf(view.locator(".dl-card")).toContainText(name);
  await field.fill("");
}

for (const kernel of KERNELS) {
  test(`follows a trainer on ${kernel}`, async ({ page, tmpPath }) => {
    const errors = watchErrors(page);
    await openNotebook(page, tmpPath, [TRAINED], { kernel });
    await runAll(page);
    const view = graph(page);
    await shown(view);

    await test.step("numbers come while it trains", async () => {
      await runInKernel(page, "trainer.start()");
      await expect
        .poll(async () => Number(await view.getAttribute("data-live")))
        .toBeGreaterThan(3);
      await runInKernel(page, "trainer.pause()");
      expect(await violations(page, ".dl-graph-viewer"), "live").toEqual([]);
    });

    await test.step("a click opens the layer in a LayerViewer beneath", async () => {
      await choose(view, "Linear");
      await view.locator(".dl-open-layer").click();
      const layers = view.locator(".dl-layer-viewer");
      await shown(layers);
      await expect(layers.locator('.dl-layer[data-layer="4"]')).toBeVisible();
      await expect(layers.locator('.dl-layer[data-layer="4"] :focus')).toHaveCount(1);
      await choose(view, "Conv2d");
      await view.locator(".dl-open-layer").click();
      await expect(layers.locator('.dl-layer[data-layer="0"] :focus')).toHaveCount(1);
      await expect(layers).toHaveCount(1);
      await view.getByRole("button", { name: "Close the layers" }).click();
      await expect(layers).toHaveCount(0);
    });
    expect(errors).toEqual([]);
  });
}

test("marks the node where the first NaN came up", async ({ page, tmpPath }) => {
  const errors = watchErrors(page);
  await openNotebook(page, tmpPath, [LENGTHS]);
  await runAll(page);
  const view = graph(page);
  await shown(view);
  await runInKernel(page, "trainer.start(epochs=1)");
  const found = view.getByRole("button", { name: /First NaN at/ });
  await expect(found).toBeVisible();
  await found.click();
  await expect(view.locator(".dl-card-title")).toContainText("sqrt");
  await expect(view.locator(".dl-card")).toContainText("sqrt");
  const step = /step (\d+)/.exec((await found.textContent()) ?? "")?.[1];
  expect(await python(page, "viewer.find_nan().step")).toBe(step);
  expect(errors).toEqual([]);
});

const RUNS = `import dl_lab, torch
from torch import nn
digits = dl_lab.data.digits()
def run(activation, rate):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), activation, nn.Linear(32, 10))
    sgd = torch.optim.SGD(model.parameters(), lr=rate)
    return dl_lab.Trainer(model, nn.CrossEntropyLoss(), sgd, digits.train, seed=0)
a, b = run(nn.ReLU(), 0.1), run(nn.Sigmoid(), 0.01)
viewer = dl_lab.GraphViewer.compare(a, b, colour="activations")
viewer`;

test("follows two runs side by side, and searches through both", async ({ page, tmpPath }) => {
  const errors = watchErrors(page);
  await openNotebook(page, tmpPath, [RUNS]);
  await runAll(page);
  const view = graph(page);
  await shown(view);
  await runInKernel(page, "a.start(); b.start()");
  await expect.poll(async () => Number(await view.getAttribute("data-live"))).toBeGreaterThan(3);
  await runInKernel(page, "a.pause(); b.pause()");
  const field = view.getByRole("searchbox");
  await field.fill("Linear$");
  await expect(view.locator(".dl-count")).toContainText("4");
  const seen: (string | null)[] = [];
  for (let hit = 0; hit < 4; hit++) {
    await field.press("Enter");
    seen.push(await view.getAttribute("data-graph"));
  }
  expect(seen).toEqual(["0", "0", "1", "1"]);
  // Of both, what came last.
  await expect(view.locator(".dl-facts")).toContainText(/activations, RMS[\d.]+ {2}\| {2}[\d.]+/);
  expect(await violations(page, ".dl-graph-viewer"), "two runs").toEqual([]);
  expect(errors).toEqual([]);
});

plainTest("opens a layer in Notebook 7", async ({ page, request }) => {
  const folder = "graph7";
  await request.put(`/api/contents/${folder}`, { data: { type: "directory" } });
  const cell = {
    cell_type: "code",
    id: "graph",
    metadata: {},
    execution_count: null,
    outputs: [],
    source: TRAINED,
  };
  const kernelspec = { name: "ipykernel-7.4", display_name: "ipykernel-7.4", language: "python" };
  await request.put(`/api/contents/${folder}/lesson.ipynb`, {
    data: {
      type: "notebook",
      content: { cells: [cell], metadata: { kernelspec }, nbformat: 4, nbformat_minor: 5 },
    },
  });
  await page.goto(`/notebooks/${folder}/lesson.ipynb`);
  await kernelConnected(page);
  await runs(page);
  const view = page.locator(".dl-graph-viewer");
  await expectOf(view).toHaveAttribute("data-drawn", "");
  await choose(view, "Linear");
  await view.locator(".dl-open-layer").click();
  await expectOf(view.locator(".dl-layer-viewer")).toHaveAttribute("data-connection", "live");
  await request.delete(`/api/contents/${folder}/lesson.ipynb`);
  await request.delete(`/api/contents/${folder}`);
});

async function runs(page: Page): Promise<void> {
  await page.locator(".jp-Cell").first().click();
  await page.keyboard.press("Shift+Enter");
}

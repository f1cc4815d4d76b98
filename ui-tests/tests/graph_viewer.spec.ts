// A student's way through a graph: open, expand, search, fold, follow the training, find the first
// NaN, go on to LayerViewer; and what stays when the page is loaded again.
import { type IJupyterLabPageFixture, expect } from "@jupyterlab/galata";
import type { Locator } from "@playwright/test";
import { violations } from "../axe";
import { cellOf, shown, viewOf } from "../contract_page";
import { kernelConnected, openNotebook, reload, runAll, runInKernel, touch, watchErrors } from "../lab";
import { test } from "../test";

const PART = ".jp-NotebookPanel:not(.lm-mod-hidden) .dl-graph-viewer";

const python = async (page: IJupyterLabPageFixture, expression: string) =>
  (await runInKernel(page, `print(${expression})`)).trim();

async function boxOf(part: Locator) {
  const box = await part.boundingBox();
  if (box === null) throw new Error("It is not on the page.");
  return box;
}

/** Where the pointer is over what is called so: looked for down the middle of the graph. */
async function placeOf(page: IJupyterLabPageFixture, view: Locator, name: RegExp) {
  const canvas = view.locator(".dl-canvas").first();
  const box = await boxOf(canvas);
  const hover = canvas.locator(".dl-hover");
  for (const across of [0.5, 0.4, 0.6, 0.3, 0.7]) {
    for (let y = 6; y < box.height; y += 10) {
      const at = { x: box.x + across * box.width, y: box.y + y };
      await page.mouse.move(at.x, at.y);
      const text = (await hover.isVisible()) ? await hover.innerText() : "";
      if (name.test(text)) return at;
    }
  }
  throw new Error(`Nothing is called ${name.source}.`);
}

test("opens, walks, searches and folds a graph", async ({ page, tmpPath }) => {
  const errors = watchErrors(page);
  const folded = `folded = dl_lab.GraphViewer(widget.model, widget._x, rule=["encoder"])\nfolded`;
  await openNotebook(page, tmpPath, [cellOf("graph_viewer"), folded]);
  await runAll(page);
  const view = viewOf(page, "graph_viewer").first();
  await shown(view);
  const canvas = view.locator(".dl-canvas");
  const opened = () => canvas.getAttribute("data-open");

  await test.step("it is no taller than what one sees at once", async () => {
    const box = await boxOf(view);
    expect(box.height).toBeLessThanOrEqual(600);
    await expect(view.locator(".dl-card-title")).toHaveText("Reader");
    await expect(view.locator(".dl-notes")).toContainText("spare");
  });

  await test.step("a click chooses, another one opens; what was clicked stays where it was", async () => {
    const at = await placeOf(page, view, /^encoder/);
    await page.mouse.click(at.x, at.y);
    await expect(view.locator(".dl-card-title")).toHaveText("encoder");
    await expect(view.locator(".dl-facts")).toContainText("2×10×32");
    await expect(view.locator(".dl-source code")).toHaveText("seen = self.encoder(self.embedding(words))");
    const before = await opened();
    // Not so soon that it is the second of two.
    await page.waitForTimeout(500);
    await page.mouse.click(at.x, at.y);
    await expect.poll(opened).not.toBe(before);
    expect(await violations(page, PART), "opened").toEqual([]);
    await view.getByLabel("Show all").click();
  });

  await test.step("keys", async () => {
    await canvas.focus();
    await page.keyboard.press("Home");
    await expect(view.locator("[aria-live=polite]")).toContainText("input");
    await page.keyboard.press("ArrowDown");
    await expect(view).toHaveAttribute("data-chosen", "g./embedding");
    await page.keyboard.press("Enter");
    await expect(view.locator("[aria-live=polite]")).toContainText("Opened embedding");
    await page.keyboard.press("ArrowDown");
    await expect(view).toHaveAttribute("data-chosen", /^n\d+$/);
    await page.keyboard.press("Escape");
    await page.keyboard.press("Enter");
    await expect(view.locator("[aria-live=polite]")).toContainText("Closed embedding");
    const zoom = Number(await canvas.getAttribute("data-zoom"));
    await page.keyboard.press("+");
    await expect.poll(async () => Number(await canvas.getAttribute("data-zoom"))).toBeGreaterThan(zoom);
    await page.keyboard.press("0");
    expect(await violations(page, PART), "focused").toEqual([]);
  });

  await test.step("two fingers zoom", async () => {
    const before = Number(await canvas.getAttribute("data-zoom"));
    const { x, y } = await boxOf(canvas);
    const path = (step: number) =>
      Array.from({ length: 8 }, (_, i) => ({ x: x + 280 + step * (20 + 10 * i), y: y + 200 }));
    await touch(page, [path(-1), path(1)]);
    await expect
      .poll(async () => Number(await canvas.getAttribute("data-zoom")))
      .toBeGreaterThan(before * 1.3);
  });

  await test.step("search", async () => {
    const field = view.getByRole("searchbox");
    await field.fill("norm[12]");
    const names = "n for n, _ in widget.model.encoder.layers[0].named_modules()";
    const modules = Number(await python(page, `sum("norm" in n for n in (${names}))`));
    expect(modules).toBe(2);
    // Two groups, and the operation in each.
    await expect(view.locator(".dl-count")).toHaveText("4 matches");
    await field.press("Enter");
    await expect(view).toHaveAttribute("data-chosen", /norm1/);
    await view.getByLabel("Next match").click();
    await view.getByLabel("Next match").click();
    await expect(view).toHaveAttribute("data-chosen", /norm2/);
    await field.fill("norm[");
    await expect(view.locator(".dl-count")).toContainText("not a regular expression");
    await field.fill("cell");
  });

  await test.step("a loop is one cell", async () => {
    await view.getByRole("searchbox").press("Enter");
    await expect(view.locator(".dl-card-title")).toHaveText("cell ×10");
    await expect(view.locator(".dl-notes")).toContainText("called 10 times");
    await view.getByLabel("Colour by").selectOption("parameters");
    await expect(view.locator(".dl-scale")).toBeVisible();
  });

  await test.step("the table, sorted", async () => {
    await view.getByLabel("Table of all modules").click();
    await view.locator(".dl-table thead button", { hasText: "Parameters" }).click();
    await expect(view.locator(".dl-table tbody th").first()).toHaveText("Reader");
    const total = await python(page, "f'{sum(p.numel() for p in widget.model.parameters()):,}'");
    const first = await view.locator(".dl-table tbody tr").first().locator("td").nth(4).innerText();
    expect(first.replace(/\D/g, "")).toBe(total.replace(/\D/g, ""));
    await page.keyboard.press("Escape");
  });

  await test.step("export", async () => {
    await view.getByLabel("Export").click();
    for (const [kind, begins] of [
      ["svg", "<svg"],
      ["json", "{"],
      ["png", "\u0089PNG"],
    ] as const) {
      const waiting = page.waitForEvent("download");
      await view.locator(`[data-export=${kind}]`).click();
      const download = await waiting;
      expect(download.suggestedFilename()).toBe(`Reader.${kind}`);
      const stream = await download.createReadStream();
      const chunks: Buffer[] = [];
      for await (const chunk of stream) chunks.push(chunk as Buffer);
      expect(Buffer.concat(chunks).toString("latin1").startsWith(begins), kind).toBe(true);
    }
    await page.keyboard.press("Escape");
  });

  await test.step("one's own rule keeps closed what it says", async () => {
    const other = viewOf(page, "graph_viewer").nth(1);
    await other.scrollIntoViewIfNeeded();
    await shown(other);
    const rule = `next(one.closed for one in folded.groups[0].children if getattr(one, "path", "") == "encoder")`;
    expect(await python(page, rule)).toBe("True");
  });

  await test.step("a reload and a second view show the same", async () => {
    const state = `[widget.chosen, widget.search, widget.colour, sorted(widget.opened)]`;
    await view.scrollIntoViewIfNeeded();
    const before = await python(page, state);
    const zoom = await canvas.getAttribute("data-zoom");
    await page.waitForTimeout(1000);
    await page.notebook.save();
    await reload(page);
    await kernelConnected(page);
    await shown(view);
    await expect(view.locator(".dl-card-title")).toHaveText("cell ×10");
    await expect(view.getByRole("searchbox")).toHaveValue("cell");
    await expect(view.getByLabel("Colour by")).toHaveValue("parameters");
    await expect(canvas).toHaveAttribute("data-zoom", zoom ?? "");
    expect(await python(page, state)).toBe(before);
  });
  expect(errors).toEqual([]);
});

const TRAINED = `import torch
from torch import nn
import dl_lab

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(8, 64), nn.Linear(64, 4)
        self.scale = nn.Parameter(torch.tensor(2.0))

    def forward(self, x):
        y = self.first(x).relu()
        return self.second(y * self.scale.log())

torch.manual_seed(0)
x, y = torch.randn(256, 8), torch.randint(0, 4, (256,))
model = Net()
sgd = torch.optim.SGD(model.parameters(), lr=0.1)
trainer = dl_lab.Trainer(model, nn.CrossEntropyLoss(), sgd, (x, y), batch_size=32, device="cpu")
live = dl_lab.GraphViewer(model, x[:4], trainer, colour="activations")
live`;

test("follows a training run, and finds the first NaN", async ({ page, tmpPath }) => {
  await openNotebook(page, tmpPath, [TRAINED]);
  await runAll(page);
  const view = viewOf(page, "graph_viewer");
  await shown(view);
  const frames = async () => Number((await view.getAttribute("data-live")) ?? 0);

  await test.step("colours move while it learns", async () => {
    await runInKernel(page, "trainer.start()");
    await expect(view.locator(".dl-scale")).toBeVisible();
    const before = await frames();
    await expect.poll(frames).toBeGreaterThan(before + 3);
    await view.getByLabel("Colour by").selectOption("gradients");
    await expect(view.locator(".dl-scale")).toContainText("size of gradients");
    await runInKernel(page, "trainer.pause()");
    expect(await violations(page, PART), "coloured").toEqual([]);
  });

  await test.step("where it first is no number", async () => {
    await runInKernel(page, "trainer.learning_rate = 500; trainer.start()");
    const first = view.locator(".dl-first-nan");
    await expect(first).toBeVisible();
    await expect(view.locator(".dl-why")).toContainText("self.scale.log()");
    await first.click();
    await expect(view.locator(".dl-card-title")).toHaveText("log");
    expect(await python(page, "live.graphs[0].nodes[int(live.chosen[1:])].name")).toBe("log");
    expect(await violations(page, PART), "NaN").toEqual([]);
  });
});

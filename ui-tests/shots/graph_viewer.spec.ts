// Pictures of the graph viewer: opened, searched, coloured, side by side, and after an error.
import { expect, test } from "@jupyterlab/galata";
import { cellOf, shown, viewOf } from "../contract_page";
import { openNotebook, runAll, runInKernel } from "../lab";
import { inNarrow, shoot, shootAll, shootThemes, type Shooting } from "../shot";

const OTHERS = `viewer = widget
both = dl_lab.GraphViewer.compare(
    nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 4)),
    nn.Sequential(nn.Linear(8, 64), nn.LayerNorm(64), nn.ReLU(), nn.Linear(64, 4)),
    torch.rand(5, 8),
)
display(both)
wrong = dl_lab.GraphViewer(
    nn.Sequential(nn.Conv2d(1, 6, 5), nn.ReLU(), nn.Flatten(), nn.Linear(100, 10)),
    torch.rand(4, 1, 28, 28),
)
wrong`;

const LIVE = `class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(8, 64), nn.Linear(64, 4)
        self.scale = nn.Parameter(torch.tensor(2.0))

    def forward(self, x):
        return self.second(self.first(x).relu() * self.scale.log())


torch.manual_seed(0)
data = torch.randn(256, 8), torch.randint(0, 4, (256,))
model = Net()
sgd = torch.optim.SGD(model.parameters(), lr=0.1)
trainer = dl_lab.Trainer(model, nn.CrossEntropyLoss(), sgd, data, batch_size=32, device="cpu")
live = dl_lab.GraphViewer(model, data[0][:4], trainer, colour="activations")
live`;

test("pictures of the graph viewer", async ({ page, tmpPath }) => {
  test.setTimeout(600_000);
  await openNotebook(page, tmpPath, [cellOf("graph_viewer"), OTHERS, LIVE]);
  await runAll(page);
  const widget = "graph_viewer";
  const of = (index: number, variable: string): Shooting => {
    return { page, view: viewOf(page, widget).nth(index), widget, variable, shown };
  };
  const first = of(0, "viewer");
  const { view } = first;
  await shown(view);

  await test.step("as one meets it, and opened", async () => {
    await shoot(first, "first");
    await view.getByLabel("Open all").click();
    await shootAll(first, "open");
  });

  await test.step("found, chosen, coloured", async () => {
    const field = view.getByRole("searchbox");
    await field.fill("norm|dropout");
    await field.press("Enter");
    await expect(view.locator(".dl-count")).toContainText("matches");
    await view.locator("[data-setting=colour]").selectOption("macs");
    await shootThemes(first, "found");
    await field.fill("(");
    await shoot(first, "wrong-expression");
    await field.fill("");
  });

  await test.step("the table", async () => {
    await view.getByLabel("Table of all modules").click();
    await expect(view.locator(".dl-table tbody tr").first()).toBeVisible();
    await shootThemes(first, "table");
    await inNarrow(first, () => shoot(first, "table-narrow"));
    await page.keyboard.press("Escape");
  });

  await test.step("side by side, and after an error", async () => {
    for (const other of [of(1, "both"), of(2, "wrong")]) {
      await other.view.scrollIntoViewIfNeeded();
      await shown(other.view);
      await shootAll(other, other.variable);
    }
  });

  await test.step("while it learns, and where it went wrong", async () => {
    const other = of(3, "live");
    await other.view.scrollIntoViewIfNeeded();
    await shown(other.view);
    await runInKernel(page, "trainer.step(20)");
    await expect(other.view.locator(".dl-scale")).toBeVisible();
    await shootAll(other, "live");
    await runInKernel(page, "trainer.learning_rate = 500; trainer.start()");
    await other.view.locator(".dl-first-nan").click();
    await shootThemes(other, "nan");
  });
});

// Pictures of Backprop: a neuron, two layers after training, half way back, a network of one's own.
import { expect, test } from "@jupyterlab/galata";
import { cellOf, shown, viewOf } from "../contract_page";
import { openNotebook, runAll, runInKernel } from "../lab";
import { inNarrow, shoot, shootAll, shootThemes, type Shooting } from "../shot";

const OWN = `import torch
torch.manual_seed(0)
net = torch.nn.Sequential(torch.nn.Linear(8, 12), torch.nn.ReLU(), torch.nn.Linear(12, 3))
own = dl_lab.Backprop(net, torch.randn(6, 8), torch.tensor([0, 1, 2, 0, 1, 2]))
own`;

test("pictures of Backprop", async ({ page, tmpPath }) => {
  await openNotebook(page, tmpPath, [cellOf("backprop"), OWN]);
  await runAll(page);
  const widget = "backprop";
  const first: Shooting = { page, view: viewOf(page, widget).first(), widget, variable: widget, shown };
  await shown(first.view);
  await shootAll(first, "neuron");

  await test.step("half way back", async () => {
    for (let step = 0; step < 4; step++) await first.view.getByLabel("One step back").click();
    await shootThemes(first, "half-way");
    await first.view.getByLabel("To the beginning").click();
    await shoot(first, "beginning");
  });

  await test.step("two layers, trained", async () => {
    await runInKernel(page, 'backprop.use_preset("lines_11"); backprop.step(1000)');
    await expect(first.view.locator(".dl-status-text")).toContainText("1,000");
    await shootThemes(first, "lines-11");
    await inNarrow(first, () => shoot(first, "lines-11-narrow"));
  });

  await test.step("a network of one's own", async () => {
    const own: Shooting = { ...first, view: viewOf(page, widget).last(), variable: "own" };
    await shown(own.view);
    await shootThemes(own, "own");
  });
});

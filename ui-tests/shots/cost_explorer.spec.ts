// Pictures of the cost explorer: each of its tasks and surprises, and a cost of one's own.
import { expect, test } from "@jupyterlab/galata";
import { cellOf, shown, viewOf } from "../contract_page";
import { openNotebook, runAll, runInKernel } from "../lab";
import { shoot, shootAll, type Shooting } from "../shot";

const OWN = `import torch
def log_cosh(y_hat, y):
    return torch.log(torch.cosh(y_hat - y))

own = dl_lab.CostExplorer(log_cosh, compared=["MSE", "Huber"], output="identity")
own`;

test("pictures of the cost explorer", async ({ page, tmpPath }) => {
  await openNotebook(page, tmpPath, [cellOf("cost_explorer"), OWN]);
  await runAll(page);
  const widget = "cost_explorer";
  const view = viewOf(page, widget).first();
  const shooting: Shooting = { page, view, widget, variable: widget, shown };
  await shown(view);
  for (const [preset, task] of [
    ["stalls", "prediction"],
    ["sure", "classes"],
    ["outlier", "outlier"],
    ["apart", "pairs"],
  ] as const) {
    await view.locator(`[data-preset=${preset}]`).click();
    await expect(view).toHaveAttribute("data-task", task);
    await expect(view).toHaveAttribute("aria-busy", "false");
    await shootAll(shooting, preset);
  }
  await runInKernel(
    page,
    `${widget}.set(task="prediction", cost="Huber", compared=["Quantile", "Focal", "PoissonNLL"])`,
  );
  await expect(view.locator(".dl-chips button")).toHaveCount(3);
  await shoot(shooting, "compared");
  const mine = { ...shooting, view: viewOf(page, widget).nth(1), variable: "own" };
  await shown(mine.view);
  await shoot(mine, "own");
});

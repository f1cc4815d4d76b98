// Pictures of the activation explorer: each of its surprises, a function of one's own, a parameter.
import { expect, test } from "@jupyterlab/galata";
import { cellOf, shown, viewOf } from "../contract_page";
import { openNotebook, runAll, runInKernel } from "../lab";
import { shoot, shootAll, shootThemes, type Shooting } from "../shot";

const OWN = `import torch
def wave(x):
    return x + torch.sin(3 * x) / 3

own = dl_lab.ActivationExplorer([torch.nn.GELU(approximate="tanh"), wave])
own`;

test("pictures of the activation explorer", async ({ page, tmpPath }) => {
  await openNotebook(page, tmpPath, [cellOf("activation_explorer"), OWN]);
  await runAll(page);
  const widget = "activation_explorer";
  const view = viewOf(page, widget).first();
  const shooting: Shooting = { page, view, widget, variable: widget, shown };
  await shown(view);
  await shootAll(shooting, "first");
  for (const preset of ["vanishes", "dies", "he", "batch_norm"]) {
    await view.locator(`[data-preset=${preset}]`).click();
    await expect(view.locator(`[data-preset=${preset}]`)).toHaveAttribute("aria-pressed", "true");
    await expect(view).toHaveAttribute("aria-busy", "false");
    await view.locator(".dl-area").first().hover();
    await shootThemes(shooting, preset);
  }
  await runInKernel(page, `${widget}.set(activation="ELU", compared=["SiLU", "Mish", "Softplus"])`);
  await expect(view.locator(".dl-chips button")).toHaveCount(3);
  await shoot(shooting, "compared");
  const mine = { ...shooting, view: viewOf(page, widget).nth(1), variable: "own" };
  await shown(mine.view);
  await shoot(mine, "own");
});

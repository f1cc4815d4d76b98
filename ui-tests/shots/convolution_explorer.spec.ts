// Pictures of the convolution explorer: cases of the guide, a layer of one's own, a stack, a refusal.
import { test } from "@jupyterlab/galata";
import { explorers, explorerShown, fill, plane, pointAt } from "../convolution_explorer_page";
import { openNotebook, runAll, runInKernel } from "../lab";
import { shoot, shootAll, shootThemes, type Shooting } from "../shot";

const CELL = `
import dl_lab, torch
from torch import nn
torch.manual_seed(0)
explorer = dl_lab.ConvolutionExplorer()
explorer
`;
const OWN = "explorer.show(nn.Conv2d(3, 8, 3, stride=2), torch.rand(3, 9, 9)); explorer.colors = True";

test("pictures of the convolution explorer", async ({ page, tmpPath }) => {
  await openNotebook(page, tmpPath, [CELL]);
  await runAll(page);
  const view = explorers(page);
  const shooting: Shooting = {
    page,
    view,
    widget: "convolution_explorer",
    variable: "explorer",
    shown: explorerShown,
  };
  await explorerShown(view);
  await shootAll(shooting, "first");
  await pointAt(plane(view, "input"), 1, 2);
  await shootThemes(shooting, "pointing");
  await fill(view, "kernel_size", "7");
  await shootThemes(shooting, "impossible");
  await runInKernel(page, "explorer.show('padding_strides_odd_transposed'); explorer.matrix_shown = True");
  await shootThemes(shooting, "transposed");
  await runInKernel(page, "explorer.matrix_shown = False; explorer.show('causal_stack')");
  await shoot(shooting, "stack");
  await runInKernel(page, OWN);
  await shootAll(shooting, "own");
});

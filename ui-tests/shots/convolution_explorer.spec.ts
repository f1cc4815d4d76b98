// Pictures of the convolution explorer: cases of the guide, an own layer, a stack; dark, narrow, Spanish.
import { type IJupyterLabPageFixture, test } from "@jupyterlab/galata";
import { explorers, explorerShown, fill, plane, pointAt } from "../convolution_explorer_page";
import { DARK, openNotebook, runAll, SPANISH } from "../lab";

async function shoot(
  page: IJupyterLabPageFixture,
  tmpPath: string,
  call: string,
  name: string,
  act: () => Promise<void> = async () => undefined,
): Promise<void> {
  const cell = `import dl_lab, torch\nfrom torch import nn\ntorch.manual_seed(0)\n${call}`;
  await openNotebook(page, tmpPath, [cell], { name: `${name}.ipynb` });
  await runAll(page);
  const view = explorers(page);
  await explorerShown(view);
  await act();
  await view.screenshot({ path: `../shots/convolution_explorer_${name}.png` });
}

const OWN =
  "dl_lab.ConvolutionExplorer(nn.Conv2d(3, 8, 3, stride=2), torch.rand(3, 9, 9), colors=True)";

test("light", async ({ page, tmpPath }) => {
  await shoot(page, tmpPath, "dl_lab.ConvolutionExplorer()", "numerical", () =>
    pointAt(plane(explorers(page), "input"), 1, 2),
  );
  await shoot(
    page,
    tmpPath,
    'dl_lab.ConvolutionExplorer(preset="padding_strides_odd_transposed", matrix_shown=True)',
    "transposed",
  );
  await shoot(page, tmpPath, 'dl_lab.ConvolutionExplorer(preset="causal_stack")', "stack");
  await shoot(page, tmpPath, "dl_lab.ConvolutionExplorer()", "impossible", () =>
    fill(explorers(page), "kernel_size", "7"),
  );
});

test.describe("dark", () => {
  test.use(DARK);
  test("own layer", async ({ page, tmpPath }) => {
    await shoot(page, tmpPath, OWN, "dark");
  });
});

test.describe("narrow", () => {
  test.use({ viewport: { width: 760, height: 1500 } });
  test("own layer", async ({ page, tmpPath }) => {
    await shoot(page, tmpPath, OWN, "narrow");
  });
});

test.describe("Spanish", () => {
  test.use(SPANISH);
  test("odd", async ({ page, tmpPath }) => {
    const call = 'dl_lab.ConvolutionExplorer(preset="padding_strides_odd")';
    await shoot(page, tmpPath, call, "spanish");
  });
});

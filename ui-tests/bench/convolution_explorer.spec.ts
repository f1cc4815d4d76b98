// What a move of the pointer costs the page in the largest picture: WaveNet's stack of ten dilated
// causal convolutions over 1024 inputs.
import { expect, test } from "@jupyterlab/galata";
import { frameCost, pointer } from "../busy";
import { explorers, explorerShown } from "../convolution_explorer_page";
import { openNotebook, runAll } from "../lab";

const FRAMES = 120;

test("pointing at WaveNet", async ({ page, tmpPath }) => {
  await openNotebook(page, tmpPath, ['import dl_lab\ndl_lab.ConvolutionExplorer("wavenet")']);
  await runAll(page);
  await explorerShown(explorers(page));
  const ask = (plane: string) => {
    const part = `.dl-plane${plane}:not([hidden])`;
    const move = pointer(part, `(box.width * (round + 0.5)) / ${FRAMES}`, "box.height / 2");
    return frameCost(page, ".dl-convolution-explorer", move, FRAMES);
  };
  const outputs = await ask('[data-part="output"][data-layer="9"]');
  const inputs = await ask('[data-part="input"]');
  console.log(
    `\nWaveNet, milliseconds a frame: outputs ${outputs.toFixed(1)}, inputs ${inputs.toFixed(1)}`,
  );
  expect(await explorers(page).getAttribute("data-focus")).not.toBeNull();
});

// The data flow: who waits for whom in one's own training, what happens in a box, what to do about it.
import { violations } from "../axe";
import { cellOf, shown, viewOf } from "../contract_page";
import { openNotebook, runAll, runInKernel, watchErrors } from "../lab";
import { expect, test } from "../test";

const SLOW = `import time
class Slow(torch.utils.data.Dataset):
    def __len__(self):
        return 640
    def __getitem__(self, index):
        time.sleep(0.001)
        return torch.ones(8), torch.ones(1)
trainer.set_data(torch.utils.data.DataLoader(Slow(), batch_size=16))
trainer.start()`;

test("a slow loader is seen, and what to do about it", async ({ page, tmpPath }) => {
  const errors = watchErrors(page);
  await openNotebook(page, tmpPath, [cellOf("data_flow")]);
  await runAll(page);
  const view = viewOf(page, "data_flow");
  await shown(view);
  const box = (key: string) => view.locator(`[data-box=${key}]`);

  await test.step("each box has its numbers", async () => {
    await expect(box("step")).toContainText("step 60");
    await expect(box("batch")).toContainText("[32, 8]");
    await expect(box("save")).toContainText("no file yet");
    await expect(view.locator(".dl-times strong")).toContainText("% of the time for data");
  });

  await test.step("while it trains on slow data the model waits", async () => {
    await runInKernel(page, SLOW);
    await expect(view.locator("[data-running]")).toBeVisible();
    await expect(view.locator(".dl-times[data-slow]")).toContainText("num_workers=2");
    const share = await view.locator(".dl-times strong").textContent();
    expect(Number(/(\d+) %/.exec(share ?? "")?.[1])).toBeGreaterThan(60);
    expect(await violations(page, ".dl-data-flow"), "training").toEqual([]);
  });

  await test.step("a box tells what happens in it, by mouse and keyboard", async () => {
    await box("data").click();
    await expect(view.locator(".dl-detail code")).toContainText("time.sleep(0.001)");
    await box("loss").focus();
    await page.keyboard.press("Enter");
    await expect(box("loss")).toHaveAttribute("aria-pressed", "true");
    await expect(view.locator(".dl-detail code")).toContainText("loss = MSELoss(outputs, targets)");
    await expect(box("data")).toHaveAttribute("aria-pressed", "false");
  });

  await test.step("a checkpoint is seen when it is written", async () => {
    await runInKernel(page, "trainer.pause(); trainer.save('/tmp/dl-lab-flow/run.pt')");
    await runInKernel(page, "data_flow.refresh()");
    await expect(box("save")).toContainText("dl-lab-flow/run.pt");
    await expect(view.locator(".dl-status-text")).toHaveText("Paused");
  });
  expect(errors).toEqual([]);
});

// Pictures of the learning rate finder in use, refusing a rate, and with other tests than usual.
import { expect, test } from "@jupyterlab/galata";
import { cellOf, shown, viewOf } from "../contract_page";
import { openNotebook, runAll, runInKernel } from "../lab";
import { button, notice } from "../playground_page";
import { inNarrow, shoot, shootAll, shootThemes, type Shooting } from "../shot";

const OTHERS = `finder = widget
linear = dl_lab.lr_find(trainer, low=1e-4, high=0.5, scale="linear")
display(linear)
noise = torch.utils.data.TensorDataset(torch.randn(400, 16), torch.randint(0, 4, (400,)))
trainer.set_data(noise)
nothing = dl_lab.lr_find(trainer, high=1e-4)
nothing`;

test("pictures of the learning rate finder", async ({ page, tmpPath }) => {
  await openNotebook(page, tmpPath, [cellOf("learning_rate_finder"), OTHERS]);
  await runAll(page);
  const widget = "learning_rate_finder";
  const of = (index: number, variable: string): Shooting => {
    return { page, view: viewOf(page, widget).nth(index), widget, variable, shown };
  };
  const found = of(0, "finder");
  const { view } = found;
  await shown(view);

  await test.step("reading, and another rate in use", async () => {
    await view.getByRole("slider").hover();
    await expect(view.locator(".dl-reading-value").first()).not.toHaveText("–");
    await shootThemes(found, "reading");
    await runInKernel(page, "finder.use()");
    await expect(view.locator(".dl-use")).toHaveAttribute("data-used", "");
    await shootAll(found, "used");
  });

  await test.step("nonsense is typed", async () => {
    const field = view.getByLabel("Learning rate", { exact: true });
    await field.fill("-3");
    await field.press("Enter");
    await expect(notice(view)).toBeVisible();
    await shootThemes(found, "refused");
    await inNarrow(found, () => shoot(found, "refused-narrow"));
    await button(view, "Dismiss").click();
  });

  await test.step("a linear test, and one that finds nothing", async () => {
    for (const other of [of(1, "linear"), of(2, "nothing")]) {
      await shown(other.view);
      await shootAll(other, other.variable);
    }
  });
});

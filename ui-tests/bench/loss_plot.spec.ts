// A LossPlot of a million steps: how long a reload takes, what each redraw costs the page, how large
// messages and the saved notebook are. The steps are logged by a thread of the kernel meanwhile.
//
// A comm's messages cost JupyterLab itself: its signs of a busy kernel and its cells are drawn anew.
// What that is shows a widget in the same notebook to which the same messages come, as many and as
// large, and which shows a number.
import { stat } from "node:fs/promises";
import { expect, type IJupyterLabPageFixture, test } from "@jupyterlab/galata";
import type { NotebookPanel } from "@jupyterlab/notebook";
import { mainThread } from "../busy";
import { kernelConnected, openNotebook, reload, runAll, runInKernel } from "../lab";

const STEPS = 1_000_000;
const WATCHED_MS = 10_000;

const LOG = `
import math, threading, time
import dl_lab
run = dl_lab.watch(plot=False)
run.begin()
for step in range(${STEPS}):
    run.log(loss=1 / (1 + step / 1e5) + 0.1 * math.sin(step), accuracy=step / 2e6)
go = threading.Event()
def more():
    while True:
        go.wait()
        run.log(loss=0.1, accuracy=0.5)
        time.sleep(0.002)
threading.Thread(target=more, daemon=True).start()
`;

const ECHO = `
import anywidget
class Echo(anywidget.AnyWidget):
    _esm = """
export default {
  render({ model, el }) {
    const text = document.createElement("span");
    let seen = 0;
    el.className = "echo";
    el.append(text);
    model.on("msg:custom", ({ kind }) => {
      requestAnimationFrame(() => {
        if (kind === "news") {
          model.send({ kind: "question" });
        } else {
          text.textContent = String(++seen);
          el.setAttribute("data-window", seen);
        }
      });
    });
  },
};
"""
    def __init__(self):
        super().__init__()
        self.on_msg(lambda _, content, buffers: self.send({"kind": "answer"}, [bytes(16_000)]))
echo = Echo()
said = threading.Event()
def say():
    while True:
        said.wait()
        echo.send({"kind": "news"})
        time.sleep(0.2)
threading.Thread(target=say, daemon=True).start()
echo
`;

const ms = (value: number) => value.toFixed(1).padStart(6);

/** How often a widget drew, the main thread's time, and the largest message that came. */
async function watch(page: IJupyterLabPageFixture, widget: string) {
  const busy = await mainThread(page);
  await page.evaluate((widget) => {
    const panel = window.jupyterapp.shell.currentWidget as NotebookPanel;
    const seen = { draws: 0, largest: 0 };
    Object.assign(window, { seen });
    panel.sessionContext.session?.kernel?.anyMessage.connect((_, { msg, direction }) => {
      if (direction !== "recv" || msg.header.msg_type !== "comm_msg") return;
      const buffers = (msg.buffers ?? []).reduce((sum, { byteLength }) => sum + byteLength, 0);
      seen.largest = Math.max(seen.largest, buffers + JSON.stringify(msg.content).length);
    });
    const element = document.querySelector(widget);
    if (element === null) throw new Error("There is no widget.");
    new MutationObserver(() => seen.draws++).observe(element, { attributeFilter: ["data-window"] });
  }, widget);
  const before = await busy();
  await page.waitForTimeout(WATCHED_MS);
  const after = await busy();
  const seen = await page.evaluate(
    () => (window as unknown as { seen: { draws: number; largest: number } }).seen,
  );
  return { ...seen, busy: after - before };
}

test("a million steps", async ({ page, tmpPath }) => {
  await openNotebook(page, tmpPath, [LOG, "dl_lab.LossPlot(run)", ECHO]);
  await runAll(page);
  const plot = page.locator(".dl-loss-plot");
  await expect(plot).toHaveAttribute("data-drawn", /^[1-9]/);

  const still = await watch(page, ".dl-loss-plot");
  const each = ({ busy, draws }: { busy: number; draws: number }) => (busy - still.busy) / draws;
  await runInKernel(page, "go.set()");
  const moving = await watch(page, ".dl-loss-plot");
  await runInKernel(page, "go.clear(); said.set()");
  const echoes = await watch(page, ".echo");
  await runInKernel(page, "said.clear()");

  await page.notebook.save();
  const path = await runInKernel(page, "import os; print(os.getcwd(), end='')");
  const { size } = await stat(`${path}/test.ipynb`);

  await reload(page);
  await kernelConnected(page);
  // From the moment the view is on the page until its curves are drawn.
  await plot.waitFor();
  const began = performance.now();
  await expect
    .poll(async () => Number(await plot.getAttribute("data-drawn")), { intervals: [10] })
    .toBeGreaterThan(0);
  const took = performance.now() - began;

  console.log(`\n${STEPS.toLocaleString("en")} steps, 2 series`);
  console.log(`  reload: view on the page → curves drawn ${ms(took)} ms`);
  console.log(`  redraws: ${moving.draws / 10} a second, ms of main thread each`);
  console.log(`    with all that JupyterLab does ${ms(each(moving))}`);
  console.log(`    a number instead of the plot ${ms(each(echoes))}`);
  console.log(`    the plot's own               ${ms(each(moving) - each(echoes))}`);
  console.log(`  largest message ${(moving.largest / 1024).toFixed(0)} KB`);
  console.log(`  saved notebook ${(size / 1024).toFixed(0)} KB`);
  expect(moving.draws).toBeGreaterThan(0);
});

// Every widget in classic Notebook 6 with Colab's versions: an anywidget that gives a view no signal,
// traitlets whose types take no subscripts, ipykernel 6.17 with comms of its own.
import { type Locator, type Page, expect as expectSoon, test } from "@playwright/test";
import { readdirSync } from "node:fs";
import { basename, resolve } from "node:path";
import { cellOf } from "../contract_page";
import { EXPLORER } from "../kernel_explorer_page";
import { LENET } from "../layer_viewer_page";
import { DIGITS, step } from "../loss_plot_page";
import { Notebook6, pins, runCells, runInKernel } from "../notebook6";
import { CELL as PLAYGROUND, epoch } from "../playground_page";

interface Widget {
  /** Makes one and shows it. */
  readonly cell: string;
  /** What its root says once it is drawn. */
  readonly drawn: readonly [attribute: string, value: RegExp];
}

const PLOT = "plotted = cnn(0.1)\nplot = dl_lab.LossPlot(plotted, epochs=1000)\nplot";

const TOUCHED: Record<string, Widget> = {
  convolution_explorer: { cell: "dl_lab.ConvolutionExplorer()", drawn: ["data-frames", /[1-9]/] },
  kernel_explorer: { cell: EXPLORER, drawn: ["data-drawn", /[1-9]/] },
  layer_viewer: { cell: LENET, drawn: ["data-guess", /\d/] },
  learning_rate_finder: { cell: "dl_lab.lr_find(cnn(0.1))", drawn: ["data-points", /[1-9]/] },
  loss_plot: { cell: PLOT, drawn: ["data-step", /\d/] },
  playground: { cell: PLAYGROUND, drawn: ["data-epoch", /\d/] },
};

const STEMS = readdirSync(resolve(__dirname, "..", "..", "dl_lab", "static"))
  .filter((file) => file.endsWith(".js"))
  .map((file) => basename(file, ".js"));

/** What is more than drawn here comes first. */
const WIDGETS: Record<string, Widget> = {
  ...TOUCHED,
  ...Object.fromEntries(
    STEMS.filter((stem) => !(stem in TOUCHED)).map((stem) => [
      stem,
      { cell: cellOf(stem), drawn: ["data-drawn", /^/] } satisfies Widget,
    ]),
  ),
};

/** A loop of one's own, whose cell runs until its plot says stop. */
const LOOP = `model = nn.Linear(2, 1)
sgd = torch.optim.SGD(model.parameters(), lr=0.5)
with dl_lab.watch(model, sgd, name="mine") as run:
    while True:
        x = torch.rand(8, 2)
        loss = (model(x) - x.sum(1, keepdim=True)).square().mean()
        sgd.zero_grad(); loss.backward(); sgd.step()
        run.log(loss=loss)
print("ended", run.state)`;

const VERSIONS = `import importlib.metadata, json, sys
import anywidget, IPython, ipykernel, ipywidgets, traitlets
for module in (anywidget, IPython, ipykernel, ipywidgets, traitlets):
    assert module.__file__.startswith(sys.prefix), module
print(json.dumps({name: importlib.metadata.version(name) for name in NAMES}))`;

const CLOSED = `pg.close(); plot.close()
print(*get_ipython().display_formatter.format(pg)[0])
try:
    plot._ipython_display_()
except ValueError as error:
    print(error)`;

/** Only what hangs takes longer, however busy the machine. */
const expect = expectSoon.configure({ timeout: 120_000 });

let server: Notebook6;

test.beforeAll(() => {
  server = new Notebook6();
});
test.afterAll(() => server.close());

function view(page: Page, stem: string): Locator {
  return page.locator(`.dl-${stem.replaceAll("_", "-")}`);
}

/** Wait until each widget has been drawn, in the colours of the page that it stands in. */
async function allDrawn(page: Page, theme: "light" | "dark"): Promise<void> {
  for (const [stem, { drawn }] of Object.entries(WIDGETS)) {
    const found = view(page, stem).first();
    await expect(found).toHaveAttribute("data-connection", "live");
    // One that is scrolled away is not drawn.
    await found.scrollIntoViewIfNeeded();
    await expect(found).toHaveAttribute(...drawn);
    await expect(found).toHaveAttribute("data-theme", theme);
    const color = theme === "light" ? "rgb(255, 255, 255)" : "rgb(24, 26, 27)";
    await expect(found).toHaveCSS("background-color", color);
  }
}

test("every widget is drawn, trains by its buttons, and comes back", async ({ page }) => {
  test.setTimeout(600_000);
  const problems: string[] = [];
  page.on("pageerror", (error) => problems.push(String(error.stack)));
  page.on("console", (message) => {
    // So Notebook 6 calls a message that was under way when its widget was closed.
    const late = message.text().startsWith("Comm promise not found");
    if (message.type() === "error" && !late) {
      problems.push(`${message.text()} (${message.location().url})`);
    }
  });
  let goodbyes = 0;
  page.on("websocket", (socket) => {
    socket.on("framesent", ({ payload }) => {
      if (/"kind":\s*"bye"/.test(payload.toString())) goodbyes++;
    });
  });
  const cells = [DIGITS, ...Object.values(WIDGETS).map(({ cell }) => cell), LOOP];
  await server.open(page, cells);

  await test.step("the versions are Colab's", async () => {
    const names = JSON.stringify(Object.keys(pins()));
    expect(JSON.parse(await runInKernel(page, `NAMES = ${names}\n${VERSIONS}`))).toEqual(pins());
  });

  await test.step("each is drawn", async () => {
    await runCells(page, [...cells.keys()].slice(0, -1));
    await allDrawn(page, "light");
  });

  await test.step("the Playground trains by a click", async () => {
    const playground = view(page, "playground");
    const play = playground.locator(".dl-play");
    await play.click();
    await expect.poll(() => epoch(playground)).toBeGreaterThan(20);
    await play.click();
    await expect.poll(() => runInKernel(page, "print(pg.trainer.state)")).toBe("paused\n");
    const trained = await runInKernel(page, "print(pg.trainer.epoch, end='')");
    expect(Number(trained)).toBeGreaterThan(20);
    await expect(playground).toHaveAttribute("data-epoch", trained);
  });

  await test.step("a LossPlot's run trains by a click, and cells are free meanwhile", async () => {
    const plot = view(page, "loss_plot");
    const play = plot.locator(".dl-play");
    await play.click();
    await expect.poll(() => step(plot)).toBeGreaterThan(40);
    expect(await runInKernel(page, "print(plotted.state)")).toBe("running\n");
    await play.click();
    await expect(plot).toHaveAttribute("data-state", "paused");
    const trained = await runInKernel(page, "print(plotted.steps, end='')");
    await expect(plot).toHaveAttribute("data-step", trained);
  });

  await test.step("a loop in a cell that runs is paused and stopped by its plot", async () => {
    await runCells(page, [cells.length - 1]);
    await expect(view(page, "loss_plot")).toHaveCount(2);
    const plot = view(page, "loss_plot").last();
    await plot.scrollIntoViewIfNeeded();
    await expect.poll(() => step(plot)).toBeGreaterThan(10);
    await plot.locator(".dl-play").click();
    await expect(plot).toHaveAttribute("data-state", "paused");
    await plot.getByRole("button", { name: "Stop", exact: true }).click();
    await expect(page.locator(".output_stdout")).toHaveText("ended finished");
  });

  await test.step("a cell that is run again ends the view that it had", async () => {
    const before = goodbyes;
    await runCells(page, [cells.indexOf(PLAYGROUND)]);
    await expect.poll(() => goodbyes).toBe(before + 1);
    const playground = view(page, "playground");
    await playground.scrollIntoViewIfNeeded();
    await expect(playground).toHaveAttribute("data-epoch", "0");
    await expect(playground).toHaveCount(1);
  });

  await test.step("a page that is loaded again, now a dark one, shows them as they are", async () => {
    await page.route("**/custom/custom.css*", (route) =>
      route.fulfill({
        contentType: "text/css",
        body: "body, #notebook, #notebook-container, .output_area { background: #1e1e1e; }",
      }),
    );
    await page.evaluate(() => window.Jupyter?.notebook?.save_notebook());
    await page.reload();
    await allDrawn(page, "dark");
    const trained = await runInKernel(page, "print(plotted.steps, end='')");
    await expect(view(page, "loss_plot").first()).toHaveAttribute("data-step", trained);
  });
  // While a closed widget leaves, ipywidgets 7 throws one of its own.
  expect(problems).toEqual([]);

  await test.step("closed, it leaves the page, and displayed again it is text or a sentence", async () => {
    const said = await runInKernel(page, CLOSED);
    expect(said).toBe("text/plain\nLossPlot is closed. Create a new one to continue.\n");
    await expect(view(page, "playground")).toHaveCount(0);
  });
});

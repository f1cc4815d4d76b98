// How fast the Playground answers and draws while it trains at full speed, browser and kernel on
// the same cores. A command counts from the click until the kernel says that it has been done.
import { expect, type IJupyterLabPageFixture, test } from "@jupyterlab/galata";
import type { NotebookPanel } from "@jupyterlab/notebook";
import { KERNELS, openNotebook, runAll } from "../lab";

const ROUNDS = 40;
const WATCHED_MS = 10_000;

interface Command {
  kind: string;
  /** Runs in the page; gets the widget and the round. */
  act: string;
}

const COMMANDS: Command[] = [
  { kind: "trainer.pause", act: "widget.querySelector('.dl-play').click()" },
  { kind: "trainer.play", act: "widget.querySelector('.dl-play').click()" },
  {
    kind: "settings.set",
    act:
      "const field = widget.querySelector('select[data-setting=\"learning_rate\"]');" +
      "field.selectedIndex = 3 + round % 4;" +
      "field.dispatchEvent(new Event('change', { bubbles: true }));",
  },
  {
    kind: "parameter.set",
    act:
      "const field = widget.querySelector('.dl-card input');" +
      "field.focus(); field.value = String(0.1 + round / 100);" +
      "field.dispatchEvent(new Event('input', { bubbles: true }));" +
      "field.dispatchEvent(new Event('change', { bubbles: true }));",
  },
];

/** Milliseconds from each act to the kernel's reply, for every kind of command. */
async function latencies(page: IJupyterLabPageFixture): Promise<Record<string, number[]>> {
  return page.evaluate(
    async ({ commands, rounds }) => {
      const panel = window.jupyterapp.shell.currentWidget as NotebookPanel;
      const kernel = panel.sessionContext.session?.kernel;
      if (!kernel) throw new Error("The notebook has no kernel.");
      const kinds = new Map<string, string>();
      let answered: (kind: string) => void = () => undefined;
      kernel.anyMessage.connect((_, { msg }) => {
        if (msg.header.msg_type !== "comm_msg") return;
        const { content } = (msg.content as { data: { content?: Record<string, unknown> } }).data;
        const id = content?.["id"];
        if (typeof id !== "string") return;
        if (content?.["kind"] !== "reply") kinds.set(id, String(content?.["kind"]));
        else answered(kinds.get(id) ?? "");
      });
      const widget = document.querySelector(".dl-playground");
      const times: Record<string, number[]> = {};
      for (let round = 0; round < rounds; round++) {
        for (const { kind, act } of commands) {
          const run = new Function("widget", "round", act);
          const began = performance.now();
          const done = new Promise<number>((resolve, reject) => {
            const late = setTimeout(() => reject(new Error(`no answer to ${kind}`)), 10_000);
            answered = (answer) => {
              if (answer !== kind) return;
              clearTimeout(late);
              resolve(performance.now() - began);
            };
          });
          run(widget, round);
          (times[kind] ??= []).push(await done);
          await new Promise((resolve) => setTimeout(resolve, 100 + (round % 7) * 13));
        }
      }
      return times;
    },
    { commands: COMMANDS, rounds: ROUNDS },
  );
}

/** Painted frames and epochs a second over some seconds of full speed. */
async function rates(page: IJupyterLabPageFixture): Promise<{ frames: number; epochs: number }> {
  return page.evaluate(async (watched) => {
    const widget = document.querySelector(".dl-playground");
    const count = (name: string) => Number(widget?.getAttribute(name));
    const [frames, epochs, began] = [count("data-frames"), count("data-epoch"), performance.now()];
    await new Promise((resolve) => setTimeout(resolve, watched));
    const seconds = (performance.now() - began) / 1000;
    return {
      frames: (count("data-frames") - frames) / seconds,
      epochs: (count("data-epoch") - epochs) / seconds,
    };
  }, WATCHED_MS);
}

function at(values: number[], share: number): string {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[Math.ceil(share * sorted.length) - 1] ?? NaN).toFixed(0).padStart(4);
}

for (const kernel of KERNELS) {
  test(kernel, async ({ page, tmpPath }) => {
    const cells = ["import dl_lab", "pg = dl_lab.Playground()\npg"];
    await openNotebook(page, tmpPath, cells, { kernel });
    await runAll(page);
    const widget = page.locator(".dl-playground");
    await expect(widget).toHaveAttribute("data-connection", "live");
    await widget.locator(".dl-play").click();
    await expect(widget).toHaveAttribute("data-state", "running");
    const { frames, epochs } = await rates(page);
    await widget.locator('[data-unit="0.0"]').click();
    await expect(widget.locator(".dl-card")).toBeVisible();
    const times = await latencies(page);
    console.log(`\n${kernel}: ${frames.toFixed(1)} frames/s, ${epochs.toFixed(0)} epochs/s`);
    for (const [kind, values] of Object.entries(times)) {
      console.log(
        `  ${kind.padEnd(14)} median ${at(values, 0.5)} ms, 95th percentile ${at(values, 0.95)} ms`,
      );
    }
    expect(Object.keys(times)).toHaveLength(COMMANDS.length);
  });
}

// How long the page's main thread works: kernel, server and browser share the processors, so that
// time on the clock says little.
import type { IJupyterLabPageFixture } from "@jupyterlab/galata";

/** Milliseconds on the processor since the page was opened. */
export async function mainThread(page: IJupyterLabPageFixture): Promise<() => Promise<number>> {
  // Galata's page is a stand-in, which the protocol's session does not take.
  const [tab] = page.context().pages();
  if (tab === undefined) throw new Error("There is no page.");
  const client = await page.context().newCDPSession(tab);
  await client.send("Performance.enable", { timeDomain: "threadTicks" });
  return async () => {
    const { metrics } = await client.send("Performance.getMetrics");
    return (metrics.find(({ name }) => name === "TaskDuration")?.value ?? NaN) * 1000;
  };
}

/**
 * Milliseconds a frame while something is done once in each: the body of a function of `widget`,
 * the first element that matches, and of `round`.
 */
export async function frameCost(
  page: IJupyterLabPageFixture,
  selector: string,
  act: string,
  frames: number,
): Promise<number> {
  const busy = await mainThread(page);
  const before = await busy();
  await page.evaluate(
    async ({ found, source, count }) => {
      const widget = document.querySelector(found);
      const run = new Function("widget", "round", source);
      for (let round = 0; round < count; round++) {
        run(widget, round);
        await new Promise((resolve) => requestAnimationFrame(resolve));
      }
    },
    { found: selector, source: act, count: frames },
  );
  return ((await busy()) - before) / frames;
}

/** For `frameCost`: put the pointer on a part of the widget. */
export function pointer(part: string, x: string, y: string): string {
  return (
    `const target = widget.querySelector(${JSON.stringify(part)}); const box = target.getBoundingClientRect();` +
    `target.dispatchEvent(new PointerEvent("pointermove", { bubbles: true,` +
    `clientX: box.x + (${x}), clientY: box.y + (${y}) }));`
  );
}

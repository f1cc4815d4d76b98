// How long a graph takes to lay out, and what a frame costs the page while one zooms and moves. The
// layout is bundled as it is and runs in the page; the drawing is the widget's own.
import { expect, type IJupyterLabPageFixture, test } from "@jupyterlab/galata";
import { buildSync } from "esbuild";
import { resolve } from "node:path";
import { frameCost } from "../busy";
import { shown, viewOf } from "../contract_page";
import { openNotebook, runAll } from "../lab";

const FRAMES = 60;
const ROUNDS = 5;
/** 60 frames a second. */
const FRAME_MS = 1000 / 60;

// Layers of other sizes than their neighbours: nothing folds.
const NETWORK = `import random
import torch
from torch import nn
import dl_lab
random.seed(0)
sizes = [random.randint(2, 99) for _ in range(1001)]
layers = [one for a, b in zip(sizes, sizes[1:]) for one in (nn.Linear(a, b), nn.ReLU())]
widget = dl_lab.GraphViewer(nn.Sequential(*layers), torch.rand(1, sizes[0]))
widget`;

const ms = (value: number) => value.toFixed(1).padStart(7);

/** Medians in milliseconds, by the kind of graph and the number of its nodes. */
async function layouts(page: IJupyterLabPageFixture): Promise<Record<string, number>> {
  const { outputFiles } = buildSync({
    entryPoints: [resolve(__dirname, "..", "..", "js", "draw", "graph", "layered.ts")],
    bundle: true,
    format: "iife",
    globalName: "graphs",
    write: false,
  });
  const source = outputFiles[0]?.text ?? "";
  return page.evaluate(
    ({ code, rounds }) => {
      const { layered } = new Function(`${code}; return graphs;`)() as {
        layered: (graph: object) => unknown;
      };
      const skips = (count: number) => {
        const edges: [number, number][] = [];
        for (let i = 1; i < count; i++) {
          edges.push([i - 1, i]);
          if (i % 12 === 0) edges.push([i - 12, i]);
          if (i % 12 === 5) edges.push([i - 4, i]);
        }
        return edges;
      };
      const wide = (count: number, across = 8) => {
        const edges: [number, number][] = [];
        for (let i = across; i < count; i++) {
          edges.push([i - across, i]);
          if (i % 3 === 0) edges.push([i - across - (i % across), i]);
          if (i % 97 === 0 && i > 300) edges.push([i - 300, i]);
        }
        return edges.filter(([from]) => from >= 0);
      };
      const found: Record<string, number> = {};
      for (const [name, make] of Object.entries({ skips, wide })) {
        for (const count of [2000, 10_000, 50_000]) {
          const edges = make(count);
          const times = Array.from({ length: rounds }, () => {
            const began = performance.now();
            layered({
              across: new Float64Array(count).fill(100),
              along: new Float64Array(count).fill(30),
              from: edges.map(([from]) => from),
              to: edges.map(([, to]) => to),
              gaps: { across: 20, along: 40 },
            });
            return performance.now() - began;
          });
          found[`${name} ${count}`] = times.sort((a, b) => a - b)[rounds >> 1] ?? NaN;
        }
      }
      return found;
    },
    { code: source, rounds: ROUNDS },
  );
}

test("layouts, and frames while one zooms and moves", async ({ page, tmpPath }) => {
  await openNotebook(page, tmpPath, [NETWORK]);
  const times = await layouts(page);
  console.log("\nlayout, ms (median of 5)");
  for (const [name, time] of Object.entries(times)) console.log(`  ${name.padEnd(14)}${ms(time)}`);
  for (const kind of ["skips", "wide"]) {
    expect(times[`${kind} 2000`]).toBeLessThan(300);
    expect(times[`${kind} 50000`]).toBeLessThan(1000);
  }

  await runAll(page);
  const view = viewOf(page, "graph_viewer");
  await shown(view);
  const canvas = view.locator(".dl-canvas");
  await view.getByLabel("Open all").click();
  await expect
    .poll(async () => Number(await canvas.getAttribute("data-shown")))
    .toBeGreaterThan(3900);
  const wheel = (more: string) =>
    `const area = widget.querySelector(".dl-canvas"); const box = area.getBoundingClientRect();` +
    `area.dispatchEvent(new WheelEvent("wheel", { bubbles: true, cancelable: true,` +
    `clientX: box.x + 200, clientY: box.y + 150, ${more} }));`;
  const gestures = {
    "move, all in detail": wheel("shiftKey: true, deltaY: 20"),
    zoom: wheel("ctrlKey: true, deltaY: round % 40 < 20 ? 60 : -60"),
  };
  console.log("4,000 boxes, ms of main thread a frame");
  for (const [name, act] of Object.entries(gestures)) {
    const cost = await frameCost(page, ".dl-graph-viewer", act, FRAMES);
    console.log(`  ${name.padEnd(24)}${ms(cost)}`);
    expect(cost).toBeLessThan(FRAME_MS);
  }
  await view.getByLabel("Show all").click();
  const all = await frameCost(page, ".dl-graph-viewer", wheel("shiftKey: true, deltaY: 1"), FRAMES);
  console.log(`  ${"move, all in sight".padEnd(24)}${ms(all)}`);
  expect(all).toBeLessThan(FRAME_MS);
});

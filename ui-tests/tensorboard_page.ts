// TensorBoard's panels on the page: event files to look at, and what the tests find and press.
import { type IJupyterLabPageFixture, expect } from "@jupyterlab/galata";
import type { APIRequestContext, FrameLocator, Locator, Page } from "@playwright/test";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const PYTHON = process.env.DL_LAB_PYTHON ?? resolve(__dirname, "..", ".venv", "bin", "python");

const WRITE = `
import sys
from torch.utils.tensorboard import SummaryWriter

for run, factor in (("lenet", 0.7), ("mlp", 0.9)):
    with SummaryWriter(f"{sys.argv[1]}/{run}") as writer:
        for step in range(20):
            writer.add_scalar("loss", factor**step, step)
`;

export interface EventFiles {
  /** Folder with the runs lenet and mlp. */
  folder: string;
  remove: () => void;
}

/** Real event files of two runs, written by torch. */
export function writeEventFiles(): EventFiles {
  const folder = mkdtempSync(join(tmpdir(), "dl-lab-events-"));
  execFileSync(PYTHON, ["-c", WRITE, folder], { stdio: "ignore" });
  return { folder, remove: () => rmSync(folder, { recursive: true }) };
}

/** Copy the runs into a folder of the server. */
export async function uploadRuns(
  page: IJupyterLabPageFixture,
  { folder }: EventFiles,
  path: string,
): Promise<void> {
  await page.contents.uploadDirectory(folder, path);
}

/** The panel of a folder, called by its own name. */
export function panel(page: Page, name: string): Locator {
  return page.locator(".jp-MainAreaWidget:has(.dl-tensorboard)", {
    has: page.locator(".dl-tensorboard-name", { hasText: new RegExp(`(^|/)${name}$`) }),
  });
}

export function content(panel: Locator): Locator {
  return panel.locator(".dl-tensorboard");
}

export function charts(panel: Locator): FrameLocator {
  return panel.frameLocator("iframe");
}

/** Wait until a panel shows TensorBoard with data in it. */
export async function showsRuns(panel: Locator): Promise<void> {
  await expect(content(panel)).toHaveAttribute("data-charts", "shown");
  await expect(content(panel)).toHaveAttribute("data-state", "ready");
  await expect(charts(panel).locator("scalar-card").first()).toBeVisible();
  await expect(charts(panel).getByText("lenet", { exact: true }).first()).toBeVisible();
}

interface Listed {
  id: string;
  name: string;
}

export async function running(request: APIRequestContext): Promise<Listed[]> {
  const response = await request.get("/dl-lab/api/tensorboards");
  return ((await response.json()) as { tensorboards: Listed[] }).tensorboards;
}

/** The server runs only so many, and all tests share it. */
export async function stopAll(request: APIRequestContext): Promise<void> {
  for (const { id } of await running(request)) {
    await request.delete(`/dl-lab/api/tensorboards/${id}`);
  }
}

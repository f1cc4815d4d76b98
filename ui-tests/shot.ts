// Pictures of a widget in each state, light, dark, narrow and in Spanish, into shots/WIDGET/.
import { type IJupyterLabPageFixture, expect } from "@jupyterlab/galata";
import type { Locator } from "@playwright/test";
import { join, resolve } from "node:path";
import { runInKernel } from "./lab";

const FOLDER = resolve(__dirname, "..", "shots");
const NARROW = 360;
/** A narrow widget is tall, and what lies outside of the window is not in the picture. */
const TALL = { width: 1280, height: 1600 };

export interface Shooting {
  page: IJupyterLabPageFixture;
  view: Locator;
  /** The widget's stem: the folder of its pictures. */
  widget: string;
  /** What it is called in the kernel. */
  variable: string;
  /** Wait until a view that was made anew shows what there is. */
  shown: (view: Locator) => Promise<void>;
}

/** Take one picture of a view as it is now. */
export async function shoot({ view, widget }: Shooting, name: string): Promise<void> {
  await view.evaluate(async (element) => {
    // Drawn again in the frame after a change; a panel on its way would be caught half way.
    for (let frames = 0; frames < 2; frames++) await new Promise(requestAnimationFrame);
    const moving = element.getAnimations({ subtree: true }).filter(({ effect }) => {
      return effect?.getComputedTiming().endTime !== Infinity;
    });
    await Promise.allSettled(moving.map(({ finished }) => finished));
  });
  await view.screenshot({ path: join(FOLDER, widget, `${name}.png`) });
}

/** Take a picture in the light theme and one in the dark theme. */
export async function shootThemes(shooting: Shooting, name: string): Promise<void> {
  await shoot(shooting, name);
  await inTheDark(shooting, () => shoot(shooting, `${name}-dark`));
}

async function inTheDark({ page }: Shooting, shootIt: () => Promise<void>): Promise<void> {
  // It takes the pointer while the theme changes.
  const splash = page.locator("#jupyterlab-splash");
  await page.theme.setDarkTheme();
  await splash.waitFor({ state: "detached" });
  await shootIt();
  await page.theme.setLightTheme();
  await splash.waitFor({ state: "detached" });
}

/** Take pictures of a state in both themes, in Spanish, and in the narrowest column in both. */
export async function shootAll(shooting: Shooting, name: string): Promise<void> {
  await shooting.page.mouse.move(0, 0);
  await shootThemes(shooting, name);
  await inSpanish(shooting, () => shoot(shooting, `${name}-es`));
  await inNarrow(shooting, async () => {
    await shootThemes(shooting, `${name}-narrow`);
    await inSpanish(shooting, () => shoot(shooting, `${name}-narrow-es`));
  });
}

async function inSpanish(shooting: Shooting, shootIt: () => Promise<void>): Promise<void> {
  await speak(shooting, "es");
  await shootIt();
  await speak(shooting, "en");
}

async function speak({ page, view, variable, shown }: Shooting, language: string): Promise<void> {
  await runInKernel(page, `${variable}.language = "${language}"`);
  await expect(view).toHaveAttribute("lang", language);
  await shown(view);
}

/** Give the view as little room as it may get, and its own again afterwards. */
export async function inNarrow(
  { page, view }: Pick<Shooting, "page" | "view">,
  shootIt: () => Promise<void>,
): Promise<void> {
  const style = await page.addStyleTag({
    content: `:has(> .dl-widget) { width: ${NARROW}px !important; flex: none !important; }`,
  });
  const before = page.viewportSize();
  await page.setViewportSize(TALL);
  const width = async () => (await view.boundingBox())?.width ?? 0;
  await expect.poll(width).toBeLessThanOrEqual(NARROW);
  await shootIt();
  await style.evaluate((element: HTMLElement) => element.remove());
  if (before !== null) await page.setViewportSize(before);
  await expect.poll(width).toBeGreaterThan(NARROW);
}

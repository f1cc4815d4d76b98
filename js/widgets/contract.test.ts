/** What every widget keeps to, with what Python sends of an example of each. */

import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { resolve } from "node:path";

import { beforeAll, describe, expect, test, vi } from "vitest";

import { decode, type Message } from "../shared/kernel/protocol.ts";
import { FakeModel } from "../shared/testing/model.ts";
import {
  census,
  type End,
  ENDS,
  find,
  host,
  hostViews,
  render,
  view,
} from "../shared/testing/hosted_view.ts";

interface Packed {
  readonly content: unknown;
  readonly buffers: readonly string[];
}

interface Recorded {
  readonly state: Record<string, unknown>;
  readonly hello: Packed;
  readonly stream: Packed | null;
}

const STEMS = readdirSync(resolve("js/widgets")).flatMap((file) => {
  const stem = /^(\w+)\.ts$/.exec(file)?.[1];
  return stem === undefined ? [] : [stem];
});
const PYTHON = process.env["PYTHON"] ?? resolve(".venv/bin/python");
const TORCH_LOADS_MS = 120_000;

let recorded: Record<string, Recorded> = {};

beforeAll(() => {
  // What jsdom lacks.
  const nothing = () => undefined;
  Object.assign(Element.prototype, { setPointerCapture: nothing, releasePointerCapture: nothing });
  const options = { maxBuffer: 2 ** 27, encoding: "utf8" } as const;
  recorded = JSON.parse(
    execFileSync(PYTHON, ["-m", "tests.widgets.examples"], options),
  ) as typeof recorded;
}, TORCH_LOADS_MS);

hostViews();

function unpacked({ content, buffers }: Packed): Message {
  return decode(
    content,
    buffers.map((text) => new DataView(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer)),
  );
}

function kernel(stem: string, language: string): FakeModel {
  const { state, hello, stream } = recorded[stem]!;
  const model = new FakeModel({ ...state, language });
  model.answers["hello"] = () => {
    if (stream !== null) queueMicrotask(() => model.say(unpacked(stream)));
    return unpacked(hello);
  };
  return model;
}

async function mount(stem: string, language = "en", end?: End): Promise<FakeModel> {
  const { default: widget } = (await import(
    /* @vite-ignore */ resolve(`js/widgets/${stem}.ts`)
  )) as {
    default: Parameters<typeof render>[0];
  };
  const model = kernel(stem, language);
  render(widget, model, end);
  await vi.advanceTimersByTimeAsync(50);
  return model;
}

/** Names of torch's, such as LeakyReLU, are the same in any language. */
const CLASS_NAME = /^[A-Z][a-z]*[A-Z0-9]\w*$/;

/** What is read, or read out. */
function words(): string[] {
  const elements = [...host.querySelectorAll<HTMLElement>("*")];
  const said = elements.flatMap((element) => [
    element.getAttribute("aria-label") ?? "",
    ...[...element.childNodes].map((node) => (node instanceof Text ? node.data : "")),
  ]);
  return said
    .map((text) => text.trim())
    .filter((text) => /[a-záéíóúñ]{3}/i.test(text) && !CLASS_NAME.test(text));
}

describe.each(STEMS)("%s", (stem) => {
  test("shows what Python sends, without a complaint", async () => {
    await mount(stem);
    const root = find(".dl-widget");
    expect(root.className).toContain(`dl-${stem.replaceAll("_", "-")}`);
    expect(root.dataset["connection"]).toBe("live");
    expect(find(".dl-controls", HTMLFieldSetElement).disabled).toBe(false);
    expect(find(".dl-notice").hidden, find(".dl-notice").textContent).toBe(true);
  });

  test("says all in either language, and changes it when told to", async () => {
    const model = await mount(stem);
    const english = words();
    expect(english.length).toBeGreaterThan(3);
    model.set("language", "es");
    await vi.advanceTimersByTimeAsync(50);
    expect(host.querySelectorAll(".dl-widget")).toHaveLength(1);
    expect(find(".dl-widget").lang).toBe("es");
    const spanish = words();
    expect(spanish.filter((text) => english.includes(text)).length).toBeLessThan(
      0.5 * spanish.length,
    );
    // A word that a catalogue lacks shows its key.
    const key = new RegExp(`^(${stem}|view|kernel)\\.\\w+$`);
    expect([...english, ...spanish].filter((text) => key.test(text))).toEqual([]);
  });

  test("says that its kernel is gone, and is back when it answers again", async () => {
    const model = await mount(stem, "es");
    const answer = model.answers["hello"]!;
    delete model.answers["hello"];
    model.emit("comm:close");
    await vi.advanceTimersByTimeAsync(50);
    expect(find(".dl-widget").dataset["connection"]).toBe("gone");
    expect(find(".dl-notice-text").textContent).toMatch(/kernel/);
    expect(find(".dl-notice").hidden).toBe(false);
    model.answers["hello"] = answer;
    model.emit("comm_live_update");
    await vi.advanceTimersByTimeAsync(50);
    expect(find(".dl-widget").dataset["connection"]).toBe("live");
    expect(find(".dl-notice").hidden).toBe(true);
  });

  test.each(ENDS)("leaves nothing behind when %s ends it", async (end) => {
    const before = { observers: census.observers(), listeners: census.listeners() };
    const model = await mount(stem, "en", end);
    // Whatever a hand may come across, answered by no kernel any more.
    for (const part of host.querySelectorAll<HTMLElement>(
      "button, input, select, [tabindex='0']",
    )) {
      for (const type of ["pointerover", "pointermove", "pointerdown", "pointerup", "click"]) {
        part.dispatchEvent(new MouseEvent(type, { bubbles: true, clientX: 99, clientY: 99 }));
      }
      part.focus();
      for (const key of ["Enter", "ArrowRight"]) {
        part.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
      }
      await vi.advanceTimersByTimeAsync(20);
    }
    expect(model.listenerCount).toBeGreaterThan(0);
    expect(census.observers()).toBeGreaterThan(before.observers);
    view.abort();
    expect(model.listenerCount).toBe(0);
    expect(census.observers()).toBe(before.observers);
    expect(census.listeners()).toBe(before.listeners);
    expect(vi.getTimerCount()).toBe(0);
    expect(host.childElementCount).toBe(0);
    expect(model.requests("bye")).toHaveLength(1);
  });
});

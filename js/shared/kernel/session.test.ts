/** Signs of life: a view says now and then that it is there, also where nothing is painted. */

import { describe, expect, test, vi } from "vitest";

import { Rpc } from "./rpc.ts";
import { Session } from "./session.ts";
import { FakeModel } from "../testing/model.ts";
import { host, hostViews, view } from "../testing/hosted_view.ts";

hostViews();

async function open(traits: Record<string, unknown>): Promise<FakeModel> {
  const model = new FakeModel(traits);
  model.answers["hello"] = () => ({});
  const { signal: lifetime } = view;
  const rpc = new Rpc(model, "dl1", lifetime, () => undefined);
  const root = host;
  new Session({ model, rpc, root, lifetime, failed: () => undefined }).hello();
  await Promise.resolve();
  return model;
}

const signs = (model: FakeModel) => model.sent.filter(({ kind }) => kind === "alive").length;

describe("a view gives signs of life", () => {
  test("three in the time after which an unseen run pauses", async () => {
    const model = await open({ unattended: 30 });
    vi.advanceTimersByTime(30_000);
    expect(signs(model)).toBe(3);
    expect(model.sent.at(-1)!.meta).toEqual({ view: "dl1" });
  });

  test("one a minute at least, also where nothing pauses", async () => {
    for (const unattended of [300, null, undefined]) {
      const model = await open({ unattended });
      vi.advanceTimersByTime(180_000);
      expect(signs(model)).toBe(3);
    }
  });

  test("more often as soon as that time is shorter, and none when it is over", async () => {
    const model = await open({ unattended: 300 });
    model.set("unattended", 3);
    vi.advanceTimersByTime(5_000);
    expect(signs(model)).toBe(5);
    model.emit("comm:close");
    await Promise.resolve();
    view.abort();
    vi.advanceTimersByTime(100_000);
    expect(signs(model)).toBe(5);
    expect(vi.getTimerCount()).toBe(0);
  });
});

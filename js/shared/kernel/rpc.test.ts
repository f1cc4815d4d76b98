import { afterEach, beforeEach, describe, expect, type Mock, test, vi } from "vitest";

import { RemoteError, Rpc, TIMEOUT_MS } from "./rpc.ts";
import { FakeModel, f4 } from "../testing/model.ts";

let model: FakeModel;
let lifetime: AbortController;
let unreadable: Mock<() => void>;
let rpc: Rpc;

beforeEach(() => {
  vi.useFakeTimers();
  model = new FakeModel();
  lifetime = new AbortController();
  unreadable = vi.fn<() => void>();
  rpc = new Rpc(model, "view", lifetime.signal, unreadable);
});

afterEach(() => {
  vi.useRealTimers();
});

describe("request", () => {
  test("gets its own answer, whatever comes in between", async () => {
    const first = rpc.request("data.get");
    const second = rpc.request("code.get", { a: 1 });
    model.reply(model.last("code.get"), { meta: { cell: "x" } });
    model.reply(model.last("data.get"), { arrays: { points: f4(1, 2) } });
    expect((await second).meta).toMatchObject({ cell: "x" });
    expect([...(await first).arrays["points"]!.values]).toEqual([1, 2]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("ignores the answers that another view of the model asked for", async () => {
    const other = new Rpc(model, "other", lifetime.signal, unreadable);
    const mine = rpc.request("data.get", {}, { timeout: null });
    const theirs = other.request("data.get");
    model.reply(model.sent[1]!, { meta: { whose: "theirs" } });
    expect((await theirs).meta["whose"]).toBe("theirs");
    model.reply(model.sent[0]!, { meta: { whose: "mine" } });
    expect((await mine).meta["whose"]).toBe("mine");
  });

  test("is refused with the kernel's sentence", async () => {
    const request = rpc.request("settings.set", { noise: 80 });
    model.refuse(model.last("settings.set"), "number", { given: "80" }, "80 is too much.");
    await expect(request).rejects.toEqual(
      new RemoteError("number", { given: "80" }, "80 is too much."),
    );
    await expect(request).rejects.toMatchObject({ key: "number", params: { given: "80" } });
  });

  test("says after a while that the kernel may be busy, and ignores the late answer", async () => {
    const request = rpc.request("trainer.play");
    const rejected = expect(request).rejects.toMatchObject({ key: "kernel.busy" });
    vi.advanceTimersByTime(TIMEOUT_MS);
    await rejected;
    model.reply(model.last("trainer.play"));
  });

  test("says that the kernel is gone where the comm refuses to send", async () => {
    model.answers["trainer.play"] = () => new Error("Cannot send");
    await expect(rpc.request("trainer.play")).rejects.toMatchObject({ key: "kernel.gone" });
    expect(vi.getTimerCount()).toBe(0);
  });
});

test("stream messages go to their handler", () => {
  const handle = vi.fn();
  rpc.onStream("frame.show", handle);
  model.say({ kind: "frame.show", seq: 3, meta: {}, arrays: {} });
  model.say({ kind: "loss.append", seq: 4, meta: {}, arrays: {} });
  expect(handle).toHaveBeenCalledOnce();
  expect(handle.mock.calls[0]![0]).toMatchObject({ seq: 3 });
});

test("a message that breaks the protocol is told, not thrown", () => {
  model.emit("msg:custom", { v: 99, kind: "frame.show" }, []);
  expect(unreadable).toHaveBeenCalledOnce();
});

test("the end of the lifetime ends requests, timers and listening", async () => {
  const request = rpc.request("data.get");
  lifetime.abort();
  await expect(request).rejects.toMatchObject({ key: "kernel.view_closed" });
  await expect(rpc.request("data.get")).rejects.toBeInstanceOf(RemoteError);
  expect(model.listenerCount).toBe(0);
  expect(vi.getTimerCount()).toBe(0);
  expect(model.requests("data.get")).toHaveLength(1);
});

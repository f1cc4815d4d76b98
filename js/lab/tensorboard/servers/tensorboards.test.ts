import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Refusal, problemOf } from "./problems";
import { type Server, type TensorBoard, TensorBoards } from "./tensorboards";

function one(id: string, state: TensorBoard["state"] = "ready"): TensorBoard {
  return { id, logdir: `/home/${id}`, name: id, state, problem: null, url: `/dl-lab/${id}/` };
}

/** A server in memory that answers at once, unless `held` keeps its lists back. */
class MemoryServer implements Server {
  all: TensorBoard[] = [];
  lists = 0;
  held: Promise<void> | null = null;
  down = false;

  async list(): Promise<TensorBoard[]> {
    this.lists += 1;
    if (this.down) throw new Refusal(problemOf("unreachable"));
    const all = [...this.all];
    if (this.held) await this.held;
    return all;
  }

  start(logdir: string): Promise<TensorBoard> {
    if (this.down) return Promise.reject(new Refusal(problemOf("unreachable")));
    const started = one(logdir, "starting");
    this.all.push(started);
    return Promise.resolve(started);
  }

  stop(id: string): Promise<void> {
    this.all = this.all.filter((each) => each.id !== id);
    return Promise.resolve();
  }

  logdirs = () => Promise.resolve({ logdirs: [], complete: true });
}

describe("TensorBoards", () => {
  let server: MemoryServer;
  let tensorboards: TensorBoards;

  beforeEach(() => {
    vi.useFakeTimers();
    server = new MemoryServer();
    tensorboards = new TensorBoards(server);
  });

  afterEach(() => {
    tensorboards.dispose();
    vi.useRealTimers();
  });

  test("asks often while one starts, less often while one is watched, seldom else", async () => {
    const asked = async (milliseconds: number) => {
      const before = server.lists;
      await vi.advanceTimersByTimeAsync(milliseconds);
      return server.lists - before;
    };
    await asked(0);
    expect(await asked(60_000)).toBe(2);

    const watch = tensorboards.watch();
    await asked(0);
    expect(await asked(10_000)).toBe(4);

    await tensorboards.start("runs");
    await asked(0);
    expect(await asked(3_000)).toBe(10);

    server.all = [one("runs")];
    await asked(1_000);
    expect(await asked(10_000)).toBe(4);

    watch.dispose();
    await asked(10_000);
    expect(await asked(60_000)).toBe(2);
  });

  test("a list that was asked for before a start or a stop is not believed", async () => {
    let release: () => void = () => undefined;
    server.held = new Promise((resolve) => {
      release = resolve;
    });
    const old = tensorboards.refresh();
    await tensorboards.start("runs");
    release();
    await old;
    expect(tensorboards.of("/home/runs")?.state).toBe("starting");
  });

  test("says when the server does not answer, keeps what it knew, and says when it does", async () => {
    server.all = [one("runs")];
    await tensorboards.refresh();
    const heard: (string | undefined)[] = [];
    tensorboards.changed.connect((sender) => heard.push(sender.unreachable?.key));

    server.down = true;
    await expect(tensorboards.refresh()).rejects.toThrow(Refusal);
    expect(tensorboards.find("runs")).toBeDefined();
    server.down = false;
    await tensorboards.refresh();
    expect(heard).toEqual(["unreachable", undefined]);
  });

  test("says so too when nobody answers a start, and hears when someone can", async () => {
    await tensorboards.refresh();
    server.down = true;
    await expect(tensorboards.start("runs")).rejects.toThrow(Refusal);
    expect(tensorboards.unreachable?.key).toBe("unreachable");
    server.down = false;
    const heard = vi.fn();
    tensorboards.changed.connect(heard);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(heard).toHaveBeenCalledOnce();
    expect(tensorboards.unreachable).toBeNull();
  });

  test("stops the one of a folder that another page has started", async () => {
    server.all = [one("runs"), one("logs")];
    await tensorboards.stopFolder("/home/logs");
    expect(server.all.map(({ id }) => id)).toEqual(["runs"]);
    expect(tensorboards.all.map(({ id }) => id)).toEqual(["runs"]);
  });

  test("tells nobody after its end", async () => {
    const watch = tensorboards.watch();
    tensorboards.dispose();
    const before = server.lists;
    watch.dispose();
    await vi.advanceTimersByTimeAsync(120_000);
    expect(server.lists).toBe(before);
  });
});

/** Tells the kernel which rows are in sight, and takes in the images of those that came into it. */

import type { Context } from "../context.ts";
import { SingleFlight } from "../../../shared/kernel/single_flight.ts";
import type { LayerRow, Wanted } from "./row.ts";
import { readRows } from "../network.ts";

export class Watching {
  readonly #context: Context;
  readonly #requests: SingleFlight<readonly Wanted[]>;
  #asked = new Set<string>();

  constructor(context: Context) {
    this.#context = context;
    const { rpc, pictures, complain } = context;
    this.#requests = new SingleFlight(async (rows) => {
      try {
        const { meta, arrays } = await rpc.request("rows.watch", { view: rpc.view, rows });
        if (meta["look"] !== undefined) {
          pictures.more(Number(meta["look"]), readRows(meta, arrays));
        }
      } catch (error) {
        complain(error);
      }
    });
  }

  /** These are in sight; what went out of it can wait until the list stands still. */
  watch(rows: Iterable<LayerRow>, isStill: boolean): void {
    const wanted = [...rows].flatMap((row) => row.wanted() ?? []);
    const now = new Set(wanted.map((one) => JSON.stringify(one)));
    const isMore = [...now].some((one) => !this.#asked.has(one));
    const isLess = isStill && now.size < this.#asked.size;
    if (!(isMore || isLess) || this.#context.session.connection.peek() !== "live") return;
    this.#asked = now;
    this.#requests.want(wanted);
  }

  /** The kernel is to be told anew. */
  forget(): void {
    this.#asked = new Set();
  }
}

/** A traced graph as it is drawn: its items, what they are called, and what is known of each. */

import { Groups } from "../../draw/graph/tree.ts";
import type { GraphInfo, GroupInfo, Line } from "./message.ts";

/** What an item is, beyond nodes of the trace and groups. */
export type Kind =
  "group" | "input" | "parameter" | "buffer" | "operation" | "unseen" | "output" | "failure";

export class Drawn {
  readonly groups: Groups;
  /** Nodes of the trace, the model's outputs, and the operation that failed: then come groups. */
  readonly nodes: number;
  readonly #keys = new Map<string, number>();
  readonly #texts: string[];
  readonly #inputs: number;
  #changes: ReadonlyMap<number, number> | null = null;

  constructor(readonly info: GraphInfo) {
    const traced = info.nodes.name.length;
    const outputs = info.outputs.filter((node) => info.group[info.same[node]!]! > 0);
    const failed = info.failure === null ? 0 : 1;
    this.nodes = traced + outputs.length + failed;
    const parent = new Int32Array(this.nodes + info.groups.length).fill(-1);
    for (let node = 0; node < traced; node++) {
      const group = info.group[node]!;
      if (group > 0) parent[node] = this.nodes + group - 1;
    }
    const from = [...info.from];
    const to = [...info.to];
    outputs.forEach((node, i) => {
      parent[traced + i] = this.nodes;
      from.push(info.same[node]!);
      to.push(traced + i);
    });
    if (info.failure !== null) {
      parent[this.nodes - 1] = this.nodes + Math.max(0, info.failure.group);
      for (const node of info.failure.inputs) {
        if (info.group[info.same[node]!]! > 0) {
          from.push(info.same[node]!);
          to.push(this.nodes - 1);
        }
      }
    }
    info.groups.forEach((group, i) => {
      if (i > 0) parent[this.nodes + i] = this.nodes + group.parent;
    });
    this.groups = new Groups({ nodes: this.nodes, parent, from, to });
    this.#inputs = info.nodes.kind.filter((kind) => kind === "input").length;
    this.#texts = Array.from(parent, (_, item) => this.#describe(item));
    for (let item = 0; item < parent.length; item++) this.#keys.set(this.key(item), item);
  }

  get count(): number {
    return this.groups.depth.length;
  }

  get root(): number {
    return this.nodes;
  }

  /** What an item is called in a trait: the same whenever the model is traced again. */
  key(item: number): string {
    const group = this.group(item);
    return group === null ? `n${item}` : `g${group.key}`;
  }

  item(key: string | null): number {
    return key === null ? -1 : (this.#keys.get(key) ?? -1);
  }

  group(item: number): GroupInfo | null {
    return item < this.nodes ? null : (this.info.groups[item - this.nodes] ?? null);
  }

  kind(item: number): Kind {
    if (item >= this.nodes) return "group";
    const traced = this.info.nodes.kind[item];
    if (traced !== undefined) return traced;
    return this.info.failure !== null && item === this.nodes - 1 ? "failure" : "output";
  }

  isDrawn(item: number): boolean {
    return item === this.root || this.groups.parent(item) >= 0;
  }

  /** Whether there is something in a group to see. */
  opens(item: number): boolean {
    return item > this.nodes && this.groups.inside(item).items.length > 0;
  }

  /** The item's own name: the last part of a module's. */
  title(item: number): string {
    const group = this.group(item);
    if (group !== null) return group.path === "" ? group.label : group.path.split(".").at(-1)!;
    const { nodes, failure } = this.info;
    switch (this.kind(item)) {
      case "failure":
        return failure!.name || failure!.module || "?";
      case "output":
        return "";
      case "input":
        return this.#inputs === 1 ? "" : nodes.name[item]!.replace(/^input_/, "");
      default:
        return nodes.name[item]!;
    }
  }

  /** The module that an item is, or lies in. */
  path(item: number): string {
    return this.group(item)?.path ?? this.info.nodes.module[item] ?? "";
  }

  /** What an expression is looked for in. */
  text(item: number): string {
    return this.#texts[item]!;
  }

  /** The node of the trace whose numbers an item gives; −1 for none. */
  output(item: number): number {
    const group = this.group(item);
    if (group !== null) return group.output;
    return item < this.info.nodes.name.length ? item : -1;
  }

  shape(item: number): string {
    const node = this.output(item);
    return node < 0 ? "" : this.info.nodes.shape[node]!;
  }

  line(item: number): Line | null {
    const { nodes, lines, failure } = this.info;
    const place =
      this.kind(item) === "failure"
        ? failure!.line
        : (this.group(item)?.line ?? nodes.line[item] ?? -1);
    return lines[place] ?? null;
  }

  /** How an item differs from the graph beside: 1 in what it is or holds, 2 as it is only here. */
  get changes(): ReadonlyMap<number, number> {
    return (this.#changes ??= this.#compared());
  }

  #compared(): ReadonlyMap<number, number> {
    const found = new Map<number, number>();
    const { change, same, nodes } = this.info;
    // A group is only here where all of it is.
    const all = new Map<number, boolean>();
    change?.forEach((how, node) => {
      if (nodes.kind[node] !== "operation") return;
      const drawn = same[node]!;
      if (!this.isDrawn(drawn)) return;
      if (how > 0) found.set(drawn, how);
      for (const group of this.groups.above(drawn)) {
        if (how > 0) found.set(group, 1);
        all.set(group, (all.get(group) ?? true) && how === 2);
      }
    });
    for (const [group, only] of all) if (only) found.set(group, 2);
    return found;
  }

  #describe(item: number): string {
    const group = this.group(item);
    if (group !== null) return `${group.path} ${group.label}`;
    const { nodes, failure } = this.info;
    if (this.kind(item) === "failure") return `${failure!.module} ${failure!.name}`;
    const module = nodes.module[item];
    if (module === undefined) return "output";
    const name = nodes.name[item]!;
    return `${module === "" ? name : `${module}.${name}`} ${nodes.shape[item]!}`;
  }
}

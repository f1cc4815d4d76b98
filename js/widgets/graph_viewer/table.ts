/** All modules in a table, with torchinfo's columns: to sort, and to copy as text, CSV or Markdown. */

import { signal } from "@preact/signals-core";

import type { Panel } from "../../shared/ui/sheet.ts";
import { copyButton } from "../../shared/ui/copy_button.ts";
import { h, listen, setAttribute } from "../../shared/ui/dom.ts";
import { react } from "../../shared/lifetime.ts";
import { formatBytes } from "../../shared/format.ts";
import { atLeast } from "./card.ts";
import type { Context } from "./context.ts";
import { formatMany } from "./numbers.ts";

const COLUMNS = [
  "layer",
  "class",
  "input",
  "output",
  "kernel",
  "parameters",
  "percent",
  "macs",
  "trainable",
] as const;
type Column = (typeof COLUMNS)[number];

/** A row as Python sends it. */
export type Entry = Readonly<Record<Column, string | number | null>> & {
  readonly depth: number;
  /** What an item is called in `chosen`. */
  readonly key: string | null;
  readonly mark: string;
};

export interface Summary {
  readonly rows: readonly Entry[];
  readonly totals: Totals;
}

interface Totals {
  readonly parameters: number;
  readonly trainable: number;
  readonly macs: number;
  readonly unknown: number;
  readonly input_bytes: number;
  readonly output_bytes: number;
  readonly parameter_bytes: number;
}

const NUMBERS: ReadonlySet<Column> = new Set(["parameters", "percent", "macs"]);

export function tablePanel(context: Context): Panel {
  const { t, lifetime, rpc, complain } = context;
  const summary = signal<Summary | null>(null);
  const order = signal<{ column: Column; down: boolean } | null>(null);
  const body = h("tbody");
  const heads = COLUMNS.map((column) => {
    const button = h("button", { type: "button" }, t(`column_${column}`));
    const head = h("th", { scope: "col" }, button);
    listen(button, "click", lifetime, () => {
      const now = order.peek();
      // Numbers from the largest on; a third click is the order of the model again.
      const first = NUMBERS.has(column);
      if (now?.column !== column) order.value = { column, down: first };
      else order.value = now.down === first ? { column, down: !first } : null;
    });
    react(lifetime, () => {
      const now = order.value;
      const sorted = now?.column !== column ? null : now.down ? "descending" : "ascending";
      setAttribute(head, "aria-sort", sorted);
    });
    return head;
  });
  const table = h("table", {}, h("thead", {}, h("tr", {}, ...heads)), body);
  const totals = h("dl", { class: "dl-facts" });
  const rows = () => sorted(summary.value?.rows ?? [], order.value);
  react(lifetime, () => {
    body.replaceChildren(
      ...rows().map((entry) => {
        const cells = COLUMNS.map((column) => {
          const text = cellText(t, entry, column);
          if (column !== "layer") {
            return h("td", NUMBERS.has(column) ? { class: "dl-number-cell" } : {}, text);
          }
          const name = h("th", { scope: "row" });
          name.style.paddingLeft = order.value === null ? `${8 + 12 * entry.depth}px` : "8px";
          if (entry.key === null) name.append(text);
          else {
            const go = h("button", { type: "button", "data-key": entry.key }, text);
            name.append(go);
          }
          return name;
        });
        return h("tr", {}, ...cells);
      }),
    );
    const sums = summary.value?.totals;
    const told: Readonly<Record<string, string>> =
      sums === undefined
        ? {}
        : {
            parameters: formatMany(sums.parameters),
            trainable: formatMany(sums.trainable),
            macs: atLeast(sums.macs, sums.unknown),
            input_bytes: formatBytes(sums.input_bytes),
            output_bytes: formatBytes(sums.output_bytes),
            parameter_bytes: formatBytes(sums.parameter_bytes),
          };
    totals.replaceChildren(
      ...Object.entries(told).flatMap(([name, value]) => [
        h("dt", {}, t(`total_${name}`)),
        h("dd", {}, value),
      ]),
    );
  });
  listen(body, "click", lifetime, (event) => {
    const target = event.target as HTMLElement;
    const key = target.closest<HTMLElement>("[data-key]")?.dataset["key"];
    const graph = context.drawn.peek()[0];
    const item = graph?.item(key ?? null) ?? -1;
    if (item >= 0) context.goTo(0, item);
  });
  const copy = (kind: keyof typeof FORMATS) => {
    const words = {
      copy: t(`copy_${kind}`),
      copied: t("view.copied"),
      selected: t("view.selected"),
    };
    return copyButton(context, words, table, () => {
      const cells = rows().map((entry) => COLUMNS.map((column) => plain(entry, column)));
      return FORMATS[kind]([COLUMNS.map((column) => t(`column_${column}`)), ...cells]);
    });
  };
  const scroller = h(
    "div",
    { class: "dl-table", tabindex: 0, role: "region", "aria-label": t("table") },
    table,
  );
  return {
    key: "table",
    label: t("table"),
    tip: t("tip_table"),
    icon: "table",
    content: h(
      "div",
      { class: "dl-summary" },
      h("div", { class: "dl-copies" }, copy("text"), copy("csv"), copy("markdown")),
      scroller,
      totals,
    ),
    opened: () => {
      rpc.request("graph.summary", {}, { timeout: null }).then(({ meta }) => {
        summary.value = meta as unknown as Summary;
      }, complain);
    },
  };
}

function sorted(
  rows: readonly Entry[],
  order: { column: Column; down: boolean } | null,
): readonly Entry[] {
  if (order === null) return rows;
  const { column, down } = order;
  const known = (entry: Entry) => entry[column] !== null && entry[column] !== "";
  const compare = (a: Entry, b: Entry) => {
    // What is not known stands last, either way.
    if (known(a) !== known(b)) return known(a) ? -1 : 1;
    const [x, y] = [a[column], b[column]];
    const by =
      typeof x === "number" && typeof y === "number"
        ? x - y
        : String(x).localeCompare(String(y), undefined, { numeric: true });
    return down ? -by : by;
  };
  return [...rows].sort(compare);
}

function cellText(t: Context["t"], entry: Entry, column: Column): string {
  const value = entry[column];
  if (value === null || value === "") return "–";
  if (column === "percent") return `${Number(value).toFixed(2)} %`;
  if (column === "trainable") return t(`trainable_${String(value)}`);
  if (typeof value === "number") return formatMany(value);
  return column === "layer" && entry.mark !== "" ? `${value} (${t(`mark_${entry.mark}`)})` : value;
}

/** The whole number, for other programs. */
function plain(entry: Entry, column: Column): string {
  const value = entry[column];
  if (column === "percent" && typeof value === "number") return value.toFixed(2);
  return value === null ? "" : String(value);
}

type Cells = readonly (readonly string[])[];

export const FORMATS = {
  text: (rows: Cells) => {
    const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
    return rows
      .map((row) =>
        row
          .map((cell, i) => cell.padEnd(widths[i]!))
          .join("  ")
          .trimEnd(),
      )
      .join("\n");
  },
  csv: (rows: Cells) => rows.map((row) => row.map(quoted).join(",")).join("\n"),
  markdown: (rows: Cells) => {
    const [head, ...rest] = rows.map((row) => `| ${row.map(barred).join(" | ")} |`);
    return [head, `|${rows[0]!.map(() => " --- ").join("|")}|`, ...rest].join("\n");
  },
} as const;

function quoted(cell: string): string {
  // A spreadsheet would take such a cell for a formula.
  const safe = /^[=+@\t\r]/.test(cell) ? `'${cell}` : cell;
  return /[",\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function barred(cell: string): string {
  return cell.replaceAll("\\", "\\\\").replaceAll("|", "\\|").replaceAll("\n", " ");
}

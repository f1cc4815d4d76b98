/** The graph as a file: as it is drawn now, or all that is known of it. */

import { h, listen } from "../../shared/ui/dom.ts";
import { download, fileStem } from "../../shared/ui/download.ts";
import { icon } from "../../shared/ui/icons.ts";
import type { Panel } from "../../shared/ui/sheet.ts";
import type { Context } from "./context.ts";

export function exportPanel(context: Context): Panel {
  const { t } = context;
  const each = (kind: string, make: (graph: number) => Promise<Blob> | Blob) =>
    action(context, kind, async () => {
      for (const [graph, drawn] of context.drawn.peek().entries()) {
        const stem = fileStem(drawn.info.name, "graph");
        const number = context.drawn.peek().length > 1 ? `-${graph + 1}` : "";
        download(await make(graph), `${stem}${number}.${kind}`);
      }
    });
  return {
    key: "export",
    label: t("export"),
    tip: t("tip_export"),
    icon: "download",
    content: h(
      "div",
      { class: "dl-export" },
      each("svg", (graph) => new Blob([context.panes[graph]!.svg()], { type: "image/svg+xml" })),
      each("png", (graph) => context.panes[graph]!.png()),
      each("json", async (graph) => {
        const { meta } = await context.rpc.request("graph.json", { graph }, { timeout: null });
        return new Blob([String(meta["text"])], { type: "application/json" });
      }),
    ),
  };
}

function action(
  { t, lifetime, complain }: Context,
  kind: string,
  act: () => Promise<void>,
): HTMLElement {
  const button = h(
    "button",
    { type: "button", class: "dl-button", "data-export": kind },
    icon("download"),
    h("span", {}, kind.toUpperCase()),
  );
  let busy = false;
  listen(button, "click", lifetime, () => {
    if (busy) return;
    busy = true;
    button.setAttribute("aria-busy", "true");
    act()
      .catch(complain)
      .finally(() => {
        busy = false;
        button.removeAttribute("aria-busy");
      });
  });
  return h(
    "div",
    { class: "dl-export-row" },
    button,
    h("span", { class: "dl-label" }, t(`export_${kind}`)),
  );
}

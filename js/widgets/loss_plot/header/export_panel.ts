/** The plot as a file: the picture as one sees it, the data as they were recorded. */

import { h, listen } from "../../../shared/ui/dom.ts";
import { download, fileStem, rasterized } from "../../../shared/ui/download.ts";
import { icon } from "../../../shared/ui/icons.ts";
import type { Panel } from "../../../shared/ui/sheet.ts";
import type { Context } from "../context.ts";
import { asked } from "../chart/window.ts";

/** Of the picture in CSS pixels; a PNG has twice as many each way. */
const SIZE = { width: 900, height: 420 };

export function exportPanel(context: Context): Panel {
  const { t, runs } = context;
  const stem = fileName(runs[0]?.name ?? "");
  const picture = [
    action(context, "PNG", t("loss_plot.export_png"), async (lifetime) => {
      const image = await rasterized(await svg(context), SIZE, lifetime);
      download(image, `${stem}.png`);
    }),
    action(context, "SVG", t("loss_plot.export_svg"), async () => {
      download(new Blob([await svg(context)], { type: "image/svg+xml" }), `${stem}.svg`);
    }),
  ];
  const data = runs.map(({ name }, run) =>
    action(
      context,
      runs.length > 1 ? `CSV · ${name}` : "CSV",
      t("loss_plot.export_csv"),
      async () => {
        download(new Blob(await csv(context, run), { type: "text/csv" }), `${fileName(name)}.csv`);
      },
    ),
  );
  return {
    key: "export",
    label: t("loss_plot.export"),
    tip: t("loss_plot.tip_export"),
    icon: "download",
    content: h("div", { class: "dl-export" }, ...picture, ...data),
  };
}

function action(
  { lifetime, complain }: Context,
  label: string,
  tip: string,
  act: (lifetime: AbortSignal) => Promise<void>,
): HTMLElement {
  const button = h(
    "button",
    { type: "button", class: "dl-button", "data-export": label.slice(0, 3).toLowerCase() },
    icon("download"),
    h("span", {}, label),
  );
  let busy = false;
  listen(button, "click", lifetime, () => {
    if (busy) return;
    busy = true;
    button.setAttribute("aria-busy", "true");
    act(lifetime)
      .catch(complain)
      .finally(() => {
        busy = false;
        button.removeAttribute("aria-busy");
      });
  });
  return h("div", { class: "dl-export-row" }, button, h("span", { class: "dl-label" }, tip));
}

/** What is seen now, drawn by the kernel with all its data. */
async function svg({ rpc, settings, window, curves }: Context): Promise<string> {
  const x_scale = settings.x_scale.shown.peek();
  const { meta } = await rpc.request(
    "picture.get",
    {
      axis: settings.axis.shown.peek(),
      x_scale,
      y_scale: settings.y_scale.shown.peek(),
      smoothing: settings.smoothing.shown.peek(),
      hidden: settings.hidden.shown.peek(),
      ...asked(window.peek(), curves.peek()?.extent ?? null, x_scale),
      ...SIZE,
    },
    { timeout: null },
  );
  return String(meta["svg"]);
}

/** All rows of a run, piece by piece. */
async function csv({ rpc }: Context, run: number): Promise<string[]> {
  const pieces: string[] = [];
  for (let row: unknown = 0; row !== null && row !== undefined;) {
    const { meta } = await rpc.request("csv.get", { run, row }, { timeout: null });
    pieces.push(String(meta["text"]));
    row = meta["next"];
  }
  return pieces;
}

export function fileName(name: string): string {
  return fileStem(name, "loss-plot");
}

/** The view of `dl_lab.GraphViewer`. */

import { explainer } from "../explainer/explainer.ts";
import en from "../shared/locales/graph_viewer.en.json";
import es from "../shared/locales/graph_viewer.es.json";
import { atLeast } from "./graph_viewer/card.ts";
import { exportPanel } from "./graph_viewer/export_panel.ts";
import { type Frame, readFrame } from "./graph_viewer/message.ts";
import { formatMany } from "./graph_viewer/numbers.ts";
import { tablePanel } from "./graph_viewer/table.ts";
import { contextOf, draw } from "./graph_viewer/view.ts";
import "./graph_viewer/graph_viewer.css";

export default explainer<Frame>({
  name: "graph_viewer",
  words: { en, es },
  read: readFrame,
  draw,
  panels: (view) => [tablePanel(contextOf(view)), exportPanel(contextOf(view))],
  status: ({ frame, t }) => {
    const graph = frame.value?.graphs[0];
    if (graph === undefined) return "";
    const [model] = graph.groups;
    const operations = graph.nodes.kind.filter((kind) => kind === "operation").length;
    const parameters = formatMany(model?.parameters ?? 0);
    const macs = atLeast(model?.macs ?? 0, model?.unknown ?? 0);
    return t("status", { operations, parameters, macs });
  },
  help: ["about", ["help_open", "help_search", "help_colour", "help_live"], "keys", "help_fold"],
});

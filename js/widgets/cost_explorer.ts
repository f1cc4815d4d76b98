/** The view of `dl_lab.CostExplorer`. */

import { codeLine } from "../explainer/code_line.ts";
import { explainer } from "../explainer/explainer.ts";
import { formula } from "../explainer/formula.ts";
import { settingControl } from "../explainer/settings.ts";
import { react } from "../shared/lifetime.ts";
import { h, setAttribute } from "../shared/ui/dom.ts";
import en from "../shared/locales/cost_explorer.en.json";
import es from "../shared/locales/cost_explorer.es.json";
import { classes } from "./cost_explorer/classes.ts";
import { type Costs, read, type View } from "./cost_explorer/costs.ts";
import { outlier } from "./cost_explorer/outlier.ts";
import { pairs } from "./cost_explorer/pairs.ts";
import { prediction } from "./cost_explorer/prediction.ts";
import "./cost_explorer/cost_explorer.css";

const PARTS = { prediction, classes, outlier, pairs } as const;

/** Those that make a difference for the task, in the order in which one uses them. */
const SETTINGS = [
  "task",
  ...["cost", "class_cost", "pair_cost", "target", "output"],
  ...["smoothing", "gamma", "delta", "tau", "variance", "margin"],
];

function settings(view: View): HTMLElement {
  const controls = SETTINGS.map((name) => {
    const element = settingControl(view, name);
    react(view.lifetime, () => {
      element.hidden = name !== "task" && view.frame.value?.counting.includes(name) !== true;
    });
    return element;
  });
  return h("div", { class: "dl-settings" }, ...controls);
}

function definition(view: View): HTMLElement {
  const { t, frame, lifetime } = view;
  const told = () => frame.value?.told ?? null;
  const formulas = formula(view, {
    label: t("formula"),
    source: () => {
      const { formula: cost = null, derivative = null } = told() ?? {};
      const lines = cost === null ? [] : [`C = ${cost}`];
      return derivative === null
        ? lines
        : [
            ...lines,
            String.raw`\frac{dC}{d ${told()!.of === "logit" ? "z" : "\\hat y"}} = ${derivative}`,
          ];
    },
    values: () => frame.value?.values ?? {},
  });
  const own = h("p", { class: "dl-label" }, t("own_cost"));
  react(lifetime, () => (own.hidden = told()?.formula !== null));
  const element = h(
    "div",
    { class: "dl-definition" },
    formulas,
    own,
    codeLine(view, () => told()?.code ?? null),
  );
  react(lifetime, () => (element.hidden = frame.value?.task === "outlier"));
  return element;
}

function draw(view: View): HTMLElement[] {
  const { frame, lifetime, root } = view;
  react(lifetime, () => setAttribute(root, "data-task", frame.value?.task ?? null));
  const parts = Object.entries(PARTS).map(([task, part]) => {
    const element = h("div", { class: "dl-task", "data-task": task }, ...part(view));
    react(lifetime, () => (element.hidden = frame.value?.task !== task));
    return element;
  });
  return [settings(view), ...parts, definition(view)];
}

export default explainer<Costs>({
  name: "cost_explorer",
  words: { en, es },
  read,
  draw,
  help: ["about", ["help_prediction", "help_classes", "help_outlier", "help_pairs"], "help_own"],
});

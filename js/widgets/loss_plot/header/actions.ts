/** What the header's buttons and the legend's fields do. */

import type { Context } from "../context.ts";

/** Start again, after asking where something would be lost. */
export function reset(context: Context, run: number | null): void {
  const { t, status, ask, command } = context;
  const concerned = status.peek().filter((_, index) => run === null || index === run);
  const steps = Math.max(0, ...concerned.map(({ step }) => step));
  const act = () => command("run.reset", { run });
  if (steps === 0) act();
  else ask(t("loss_plot.ask_reset", { steps }), { label: t("loss_plot.reset"), act });
}

export function setLearningRate({ command }: Context, run: number | null, value: number): void {
  command("learning_rate.set", { run, value });
}

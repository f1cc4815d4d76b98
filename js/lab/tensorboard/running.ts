/** The section of Lab's "Running" sidebar: what runs, with a way to it and a way to end it. */

import type { IRunningSessionManagers, IRunningSessions } from "@jupyterlab/running";
import { ellipsesIcon } from "@jupyterlab/ui-components";
import type { Translate } from "../../shared/i18n";
import { tensorboardIcon } from "../icons";
import type { TensorBoard, TensorBoards } from "./servers/tensorboards";

export function addRunningSection(
  managers: IRunningSessionManagers,
  tensorboards: TensorBoards,
  open: (logdir: string) => void,
  report: (reason: unknown) => void,
  t: Translate,
): void {
  const stop = ({ id }: TensorBoard) => tensorboards.stop(id);
  const item = (one: TensorBoard): IRunningSessions.IRunningItem => ({
    icon: () => (one.state === "starting" ? ellipsesIcon : tensorboardIcon),
    label: () => one.name,
    labelTitle: () =>
      t("tensorboard.tab_caption", {
        logdir: one.logdir,
        state: t(`tensorboard.state_${one.state}`),
      }),
    detail: () => (one.state === "ready" ? "" : t(`tensorboard.state_${one.state}`)),
    context: one.logdir,
    open: () => open(one.logdir),
    shutdown: () => void stop(one).catch(report),
  });
  managers.add({
    name: t("tensorboard.title"),
    running: () => tensorboards.all.map(item),
    runningChanged: tensorboards.changed,
    refreshRunning: () => void tensorboards.refresh().catch(report),
    shutdownAll: () => void Promise.all(tensorboards.all.map(stop)).catch(report),
    shutdownLabel: t("tensorboard.stop"),
    shutdownAllLabel: t("tensorboard.stop_all"),
    shutdownAllConfirmationText: t("tensorboard.stop_all_sure"),
  });
}

import { LabIcon } from "@jupyterlab/ui-components";
import playgroundSource from "./playground.svg";
import tensorboardSource from "./tensorboard/tensorboard.svg";

export const playgroundIcon = new LabIcon({ name: "dl-lab:playground", svgstr: playgroundSource });
export const tensorboardIcon = new LabIcon({
  name: "dl-lab:tensorboard",
  svgstr: tensorboardSource,
});

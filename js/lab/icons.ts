import { LabIcon } from "@jupyterlab/ui-components";
import playgroundSource from "./playground.svg";

export const playgroundIcon = new LabIcon({ name: "dl-lab:playground", svgstr: playgroundSource });

/** The view of `dl_lab.ConvolutionExplorer`. */

import { widget } from "../shared/view.ts";
import { mountView } from "./convolution_explorer/view.ts";
import "./convolution_explorer/convolution_explorer.css";

export default widget(mountView);

/** The view of `dl_lab.LossPlot`. */

import { widget } from "../shared/view.ts";
import { mountView } from "./loss_plot/view.ts";
import "./loss_plot/loss_plot.css";

export default widget(mountView);

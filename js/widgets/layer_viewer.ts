/** The view of `dl_lab.LayerViewer`. */

import { widget } from "../shared/view.ts";
import { mountView } from "./layer_viewer/view.ts";
import "./layer_viewer/layer_viewer.css";

export default widget(mountView);

/** The view of `dl_lab.KernelExplorer`. */

import { widget } from "../shared/view.ts";
import { mountView } from "./kernel_explorer/view.ts";
import "./kernel_explorer/kernel_explorer.css";

export default widget(mountView);

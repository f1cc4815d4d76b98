/** The view of `dl_lab.Playground`. */

import { widget } from "../shared/view.ts";
import { mountView } from "./playground/view.ts";
import "./playground/playground.css";

export default widget(mountView);

/** The view of `dl_lab.LearningRateFinder`. */

import { widget } from "../shared/view.ts";
import { mountView } from "./learning_rate_finder/view.ts";
import "./learning_rate_finder/learning_rate_finder.css";

export default widget(mountView);

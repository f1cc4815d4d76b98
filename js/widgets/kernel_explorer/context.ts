/** What every part of the view is given. */

import type { View } from "../../shared/view.ts";
import type { Stage } from "./scene/scene.ts";
import type { Traits } from "./settings.ts";

export interface Context extends View<never>, Traits {
  readonly stage: Stage;
}

/** What the shared controls need of the view that they stand in. */

import type { Translate } from "../i18n.ts";
import type { Tooltips } from "./tooltip.ts";

export interface Ui {
  readonly lifetime: AbortSignal;
  /** Random name of this view, for ids. */
  readonly view: string;
  readonly t: Translate;
  readonly tips: Tooltips;
  /** Say a sentence of this page's own. */
  readonly warn: (sentence: string) => void;
}

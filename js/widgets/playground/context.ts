/** What every part of the view is given. */

import type { ReadonlySignal } from "@preact/signals-core";

import type { Translate } from "../../shared/i18n.ts";
import type { Rpc } from "../../shared/rpc.ts";
import type { Theme } from "../../shared/theme.ts";
import type { Tooltips } from "../../shared/tooltip.ts";
import type { Optimistic } from "./optimistic.ts";
import type { Selection } from "./selection.ts";
import type { Session } from "./session.ts";
import type { Choices, SettingName, SettingValues, TrainerState } from "./traits.ts";

export type Settings = { readonly [K in SettingName]: Optimistic<SettingValues[K]> };

export interface Context {
  readonly lifetime: AbortSignal;
  /** Random name of this view, for ids. */
  readonly view: string;
  readonly t: Translate;
  readonly choices: Choices;
  readonly settings: Settings;
  readonly state: Optimistic<TrainerState>;
  readonly session: Session;
  readonly selection: Selection;
  readonly rpc: Rpc;
  readonly tips: Tooltips;
  readonly theme: ReadonlySignal<Theme>;
  /** Colours of a heat map, by byte. */
  readonly table: ReadonlySignal<Uint32Array>;
  /** Send a command; if it is refused, say why. */
  readonly command: (kind: string, meta?: Readonly<Record<string, unknown>>) => void;
  /** Say what went wrong. */
  readonly complain: (error: unknown) => void;
  /** Say a sentence of this page's own. */
  readonly warn: (sentence: string) => void;
}

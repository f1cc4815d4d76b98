/** What the author of an explainer draws from. */

import type { ReadonlySignal } from "@preact/signals-core";

import type { Optimistic } from "../shared/kernel/traits.ts";
import type { Message } from "../shared/kernel/protocol.ts";
import type { Params } from "../shared/kernel/rpc.ts";
import type { View } from "../shared/view.ts";

/** What `compute` returned in Python. */
export type Computed = Pick<Message, "meta" | "arrays">;

export interface ExplainerView<Frame = Computed> extends Omit<View<Frame>, "t"> {
  /** A word of this widget by its key; one of another section as `section.key`. */
  readonly t: (key: string, params?: Params) => string;
  readonly has: (key: string) => boolean;
  /** The newest that Python computed; null until then. */
  readonly frame: ReadonlySignal<Frame | null>;
  /** A setting, or what else Python holds in a trait of this name and `kind` sets. */
  readonly setting: <T>(name: string, kind?: string) => Optimistic<T>;
  /** A trait that only Python writes. */
  readonly trait: <T>(name: string) => ReadonlySignal<T>;
}

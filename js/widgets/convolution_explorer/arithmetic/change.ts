/** Changing some fields, with what follows from them for the others: `change` in Python. */

import { bounds, type Refusal, refusal, refuse } from "./refusal.ts";
import {
  COUNTS,
  type Field,
  neutral,
  type Settings,
  SIZED,
  type Sizes,
  takes,
} from "./settings.ts";

export interface Changed {
  readonly settings: Settings;
  /** Why torch does not compute it; null if it does. */
  readonly refused: Refusal | null;
}

export function change(settings: Settings, changes: Partial<Settings>): Changed {
  const dims = (changes.input_size ?? settings.input_size).length;
  let changed: Settings = { ...settings, ...changes };
  for (const name of SIZED) {
    const value = changed[name];
    if (typeof value !== "string") changed = { ...changed, [name]: fitted(value, dims) };
  }
  const nothing = neutral(dims, changed.in_channels);
  for (const name of Object.keys(nothing) as Field[]) {
    const misfit =
      name === "padding" &&
      typeof changed.padding === "string" &&
      (changed.kind !== "conv" || (changed.padding === "causal" && dims === 2));
    if (!(name in changes) && (misfit || !takes(changed, name))) {
      changed = { ...changed, [name]: nothing[name] };
    }
  }
  return { settings: changed, refused: outOfBounds(changed) ?? refusal(changed) };
}

function fitted(sizes: Sizes, dims: number): Sizes {
  if (sizes.length === dims) return sizes;
  return dims === 1 ? sizes.slice(-1) : [...sizes, ...sizes];
}

function outOfBounds(settings: Settings): Refusal | null {
  const dims = settings.input_size.length;
  for (const name of [...SIZED, ...COUNTS]) {
    const value = settings[name];
    if (typeof value === "string") continue;
    const [low, high] = bounds(name, dims);
    for (const given of typeof value === "number" ? [value] : value) {
      if (Number.isInteger(given) && given >= low && given <= high) continue;
      return refuse("whole", { name, low, high, given }, name);
    }
  }
  return null;
}

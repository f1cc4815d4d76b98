/**
 * What TensorBoard's own page is told before it loads.
 *
 * It keeps its settings in the browser's localStorage, and has no other way to be told these:
 * `theme` is "light", "dark" or "browser_default", `autoReload` is off unless it is set, and a pane
 * of settings covers the charts of a narrow panel unless it was closed once.
 */

const KEY = "_tb_global_settings";
const PRESET_KEY = "dl-lab:tensorboard-auto-reload";

export interface FrontendSettings {
  readonly autoReload: boolean;
  /** `null` leaves it to TensorBoard. */
  readonly theme: "light" | "dark" | null;
}

/**
 * Write them beside what TensorBoard keeps there; return whether anything changed.
 *
 * `autoReload` is only written when it is another than the last time, so that whoever switches it
 * off in TensorBoard finds it off the next time too.
 */
export function presetFrontend(storage: Storage, wanted: FrontendSettings): boolean {
  const before = stored(storage);
  const after = { ...before };
  if (wanted.theme !== null) after["theme"] = wanted.theme;
  after["timeSeriesSettingsPaneOpened"] ??= false;
  const preset = String(wanted.autoReload);
  if (storage.getItem(PRESET_KEY) !== preset) {
    after["autoReload"] = wanted.autoReload;
    storage.setItem(PRESET_KEY, preset);
  }
  const changed = JSON.stringify(after) !== JSON.stringify(before);
  if (changed) storage.setItem(KEY, JSON.stringify(after));
  return changed;
}

function stored(storage: Storage): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(storage.getItem(KEY) ?? "{}");
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {};
  } catch {
    return {}; // as TensorBoard does with what it cannot read
  }
}

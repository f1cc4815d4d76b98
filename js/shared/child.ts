/** Another widget of the kernel's, shown within the view of one that made it. */

import { onEnd } from "./lifetime.ts";
import type { Model } from "./kernel/traits.ts";

/** What hosts have in common; Jupyter's own, Notebook 6 and Colab have both. */
interface Manager {
  get_model(id: string): Promise<unknown>;
  create_view(model: unknown): Promise<{ readonly el: HTMLElement; remove(): void }>;
}

/**
 * Put a widget into `place` until the lifetime ends.
 *
 * Resolves to whether it is there: a host may have no way to show it.
 */
export async function showChild(
  model: Model,
  id: string,
  place: HTMLElement,
  lifetime: AbortSignal,
): Promise<boolean> {
  const manager = model.widget_manager as Partial<Manager> | undefined;
  if (manager?.get_model === undefined || manager.create_view === undefined) return false;
  const view = await manager.create_view(await manager.get_model(id));
  if (lifetime.aborted) {
    view.remove();
    return false;
  }
  onEnd(lifetime, () => view.remove());
  place.replaceChildren(view.el);
  return true;
}

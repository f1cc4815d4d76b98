/**
 * What cells ask for while they run: opening a panel, stopping a TensorBoard.
 *
 * Only messages that answer this page's own execution count. An output that is merely shown, in a
 * notebook of someone else's or one that is opened again, does nothing.
 */

import type { ISessionContext } from "@jupyterlab/apputils";
import type { KernelMessage } from "@jupyterlab/services";
import type { ISignal } from "@lumino/signaling";
import type { Widget } from "@lumino/widgets";
import { type Bundle, bundleOfMessage } from "./bundle";

/** A tracker of notebooks or consoles. */
interface Tracker<T extends Widget & { readonly sessionContext: ISessionContext }> {
  readonly widgetAdded: ISignal<unknown, T>;
  forEach(each: (widget: T) => void): void;
}

export function watchExecutions<T extends Widget & { readonly sessionContext: ISessionContext }>(
  tracker: Tracker<T>,
  act: (bundle: Bundle, source: T) => void,
): void {
  const watch = (widget: T) => {
    const { sessionContext } = widget;
    const onMessage = (_: ISessionContext, message: KernelMessage.IMessage) => {
      const clientId = sessionContext.session?.kernel?.clientId;
      const bundle = clientId === undefined ? null : bundleOfMessage(message, clientId);
      if (bundle !== null) act(bundle, widget);
    };
    sessionContext.iopubMessage.connect(onMessage);
    widget.disposed.connect(() => sessionContext.iopubMessage.disconnect(onMessage));
  };
  tracker.forEach(watch);
  tracker.widgetAdded.connect((_, widget) => watch(widget));
}

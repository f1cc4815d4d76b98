"""Who wants to be told: added and taken away by any thread, and heard one by one."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from dl_lab import forks

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger(__name__)


class Listeners:
    """Callbacks, called in the order in which they were added.

    Parameters
    ----------
    name
        What people add them by, for the log.

    Examples
    --------
    >>> listeners = Listeners("on_change")
    >>> unsubscribe = listeners.add(lambda: print("told"))
    >>> listeners.tell()
    told
    >>> unsubscribe()
    >>> listeners.tell()
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = forks.opens(threading.Lock())
        # Replaced as a whole: who is told meanwhile sees the old one.
        self._callbacks: tuple[Callable[[], None], ...] = ()

    def add(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` from now on; return a function that ends that."""
        with self._lock:
            self._callbacks = (*self._callbacks, callback)

        def unsubscribe() -> None:
            with self._lock:
                self._callbacks = tuple(one for one in self._callbacks if one is not callback)

        return unsubscribe

    def tell(self) -> None:
        """Call each; what one raises goes to the log `dl_lab`, and the others are called."""
        for callback in self._callbacks:
            try:
                callback()
            except Exception:  # noqa: BLE001, PERF203
                # One listener's fault is neither training's nor the next listener's.
                _log.exception("a callback of %s raised", self._name)

"""What a forked process lacks of its parent: the threads, and whoever would open their locks.

A DataLoader forks its workers, and so may anybody's code, at any moment of a training. In the child
only the thread that forked goes on: a lock that another one held would stay shut for ever, and the
end of a thread that is not there could be waited for in vain.
"""

from __future__ import annotations

import os
import weakref
from typing import Any, Protocol, TypeVar

_Lock = TypeVar("_Lock")


class Threaded(Protocol):
    """What may have a thread of its own."""

    def forked(self) -> None:
        """Be without one, in the child."""


_LOCKS: weakref.WeakSet[Any] = weakref.WeakSet()
_THREADED: weakref.WeakSet[Any] = weakref.WeakSet()


def opens(lock: _Lock) -> _Lock:
    """Return a lock or a condition, which opens in a child where another thread held it.

    Examples
    --------
    >>> import threading
    >>> lock = opens(threading.Lock())
    >>> with lock:
    ...     lock.locked()
    True
    """
    _LOCKS.add(lock)
    return lock


def tell(threaded: Threaded) -> None:
    """Call the `forked` of an object in each child, for as long as it lives."""
    _THREADED.add(threaded)


def _in_child() -> None:
    for lock in list(_LOCKS):
        owned = getattr(lock, "_is_owned", None)  # a plain lock does not know
        if owned is None or not owned():
            lock._at_fork_reinit()  # noqa: SLF001  # as the standard library does it
    for threaded in list(_THREADED):
        threaded.forked()


if hasattr(os, "register_at_fork"):  # Windows cannot fork
    os.register_at_fork(after_in_child=_in_child)

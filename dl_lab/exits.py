"""The end of the process: threads that compute are waited for, since they would crash it.

A thread inside torch cannot be ended from outside, and when it comes back while the interpreter
shuts down, C++ aborts the process. So whoever computes in a daemon thread says so by `computing`,
asks `is_exiting` now and then, and the process waits for the end of what still computes.
"""

from __future__ import annotations

import atexit
import contextlib
import threading
import time
from typing import TYPE_CHECKING

from dl_lab import forks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LONGEST = 8.0
"""Seconds to wait for what computes."""
_LOOK = 0.25

_EXITING = threading.Event()


class _Computing:
    def __init__(self) -> None:
        self.threads: list[int] = []
        forks.tell(self)

    def forked(self) -> None:
        """Go on without the parent's other threads."""
        here = threading.get_ident()
        self.threads = [one for one in self.threads if one == here]


_COMPUTING = _Computing()


def is_exiting() -> bool:
    """Tell whether the process is about to end, so that what runs for a page has no use any more.

    Examples
    --------
    >>> is_exiting()
    False
    """
    return _EXITING.is_set()


def announce() -> None:
    """Say that the process is about to end; `computing` and looks end at their next question."""
    _EXITING.set()


@contextlib.contextmanager
def computing() -> Iterator[None]:
    """Have the process wait for the end of this block before it exits.

    Raises
    ------
    SystemExit
        The process is about to end. In a thread it ends that one without a word.

    Examples
    --------
    >>> with computing():
    ...     sum(range(10))
    45
    """
    here = threading.get_ident()
    _COMPUTING.threads.append(here)
    try:
        if _EXITING.is_set():
            raise SystemExit
        yield
    finally:
        _COMPUTING.threads.remove(here)


def wait_while(busy: Callable[[], bool]) -> None:
    """Wait until nothing is busy, for as long as the process computes at all, and 8 s at most."""
    end = time.monotonic() + _LONGEST
    while busy() and time.monotonic() < end:
        # The threads that torch computes with count as well.
        computed, until = time.process_time(), time.monotonic() + _LOOK
        while busy() and time.monotonic() < until:
            time.sleep(_LOOK / 50)
        if time.process_time() < computed + _LOOK / 100:
            return


def _exit() -> None:
    announce()
    here = threading.get_ident()
    wait_while(lambda: any(one != here for one in _COMPUTING.threads))


atexit.register(_exit)

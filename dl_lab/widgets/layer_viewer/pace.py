"""Looks that leave the processor to those who train."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from dl_lab.train.claims.registry import CLAIMS
from dl_lab.train.threads import one_thread

SHARE = 0.05
"""Of the time in which a look wants to compute it may, while a run trains: that much the run loses
where no core is free, or where both want Python's lock."""

_SCHEDULED = Path("/proc/thread-self/schedstat")

_AT_ONCE = 0.002
_ASK_AGAIN = 0.02


class Pace:
    """Keeps what a thread computes to a share of its time while others train.

    Parameters
    ----------
    ends
        Answers whether the look was called off.
    """

    def __init__(self, ends: Callable[[], bool]) -> None:
        self._ends = ends
        self._began = time.thread_time()
        self._wanted = _wanted()

    def __call__(self) -> bool:
        """Answer whether the look was called off, after a rest where one is due."""
        if self._ends():
            return True
        if time.thread_time() - self._began < _AT_ONCE:
            return False
        end = time.monotonic() + (_wanted() - self._wanted) * (1 / SHARE - 1)
        while CLAIMS.any and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, _ASK_AGAIN))
            if self._ends():
                return True
        self._began, self._wanted = time.thread_time(), _wanted()
        return False


def _wanted() -> float:
    """Return how many seconds this thread has computed, or has waited for a core to do so.

    What it waits for Python's lock is not counted, where that can be told apart.
    """
    try:
        computed, waited, _ = _SCHEDULED.read_text(encoding="ascii").split()
    except OSError:
        return time.thread_time()
    return (int(computed) + int(waited)) / 1e9


@contextlib.contextmanager
def one_core() -> Iterator[None]:
    """Compute with one thread while others train; with all of them where nobody does."""
    if not CLAIMS.any or torch.get_num_threads() == 1:
        yield
        return
    with one_thread():
        yield


def is_main() -> bool:
    """Tell whether this is the thread of the cells, in which someone waits for the result."""
    return threading.current_thread() is threading.main_thread()

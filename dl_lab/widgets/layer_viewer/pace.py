"""Looks that leave the processor to those who train."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

import torch

from dl_lab.train.claims.registry import CLAIMS
from dl_lab.train.threads import one_thread

SHARE = 0.1
"""Of one core that looks may take while a run trains. With two cores, both of them busy, it then
loses about half as much."""

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

    def __call__(self) -> bool:
        """Answer whether the look was called off, after a rest where one is due."""
        if self._ends():
            return True
        worked = time.thread_time() - self._began
        if worked < _AT_ONCE:
            return False
        end = time.monotonic() + worked * (1 / SHARE - 1)
        while CLAIMS.any and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, _ASK_AGAIN))
            if self._ends():
                return True
        self._began = time.thread_time()
        return False


@contextlib.contextmanager
def one_core() -> Iterator[None]:
    """Compute with one thread while others train; with all of them where nobody does."""
    if not CLAIMS.any or torch.get_num_threads() == 1:
        yield
        return
    with one_thread():
        yield


def is_main() -> bool:
    """Tell whether this is the thread of the cells, in which somebody waits for the result."""
    return threading.current_thread() is threading.main_thread()

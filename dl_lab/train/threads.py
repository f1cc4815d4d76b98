"""How many threads torch computes with, set for one thread alone."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

import torch

from dl_lab import forks

if TYPE_CHECKING:
    from collections.abc import Iterator


# While one thread is counted anew, another would take its count for the common one.
_COUNTING = forks.opens(threading.Lock())


def one_thread() -> contextlib.AbstractContextManager[None]:
    """Let torch compute with one thread in this Python thread, and only here.

    Small networks need it: two OpenMP threads on busy cores are 3 to 70 times slower than one.

    Examples
    --------
    >>> with one_thread():
    ...     torch.get_num_threads()
    1
    """
    return so_many_threads(1)


@contextlib.contextmanager
def so_many_threads(count: int) -> Iterator[None]:
    """Let torch compute with `count` threads in this Python thread, and only here.

    Notes
    -----
    `torch.set_num_threads` sets two things: the count of the calling thread, and the one that
    threads take over when they first use torch. The second is put back at once, so that threads
    which start meanwhile are not slowed down; the first, when the context ends.

    Examples
    --------
    >>> with so_many_threads(2):
    ...     torch.get_num_threads()
    2
    """
    with _COUNTING:
        # Asking first matters: a thread takes the common count over when it first asks.
        own = torch.get_num_threads()
        common = _common()
        torch.set_num_threads(count)
        _common(common)
    try:
        yield
    finally:
        with _COUNTING:
            torch.set_num_threads(own)
            if own != common:
                _common(common)


def _common(count: int | None = None) -> int:
    """Ask in a new thread, which has no count of its own yet, and set it there."""
    counts = []

    def ask() -> None:
        counts.append(torch.get_num_threads())
        if count is not None:
            torch.set_num_threads(count)

    thread = threading.Thread(target=ask, name="dl-lab thread count")
    thread.start()
    thread.join()
    return counts[0]

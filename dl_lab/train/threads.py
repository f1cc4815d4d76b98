"""How many threads torch computes with, set for one thread alone."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute with one thread in this Python thread, and only here.

    Small networks need it: two OpenMP threads on busy cores are 3 to 70 times slower than one.

    Notes
    -----
    `torch.set_num_threads` sets two things: the count of the calling thread, and the one that
    threads take over when they first use torch. The second is put back at once, so that threads
    which start meanwhile are not slowed down; the first, when the context ends.

    Examples
    --------
    >>> with one_thread():
    ...     torch.get_num_threads()
    1
    """
    # Asking first matters: a thread takes the common count over when it first asks.
    own = torch.get_num_threads()
    common = _common()
    torch.set_num_threads(1)
    _common(common)
    try:
        yield
    finally:
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

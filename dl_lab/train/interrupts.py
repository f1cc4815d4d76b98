"""Ctrl-C and Kernel → Interrupt, noted while a thread is waited for."""

from __future__ import annotations

import _thread
import contextlib
import signal
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 1.5
"""Seconds in which what was interrupted can end by itself."""


class Interrupts:
    """Whether someone has interrupted, and when that was heeded."""

    def __init__(self, outer: Interrupts | None = None) -> None:
        self._outer = outer
        self._at: float | None = None
        self._over = False

    def is_set(self) -> bool:
        """Whether there was one."""
        return self._at is not None

    def note(self, *_: object) -> None:
        """Take note of one; raise KeyboardInterrupt, once, where the first is long not heeded."""
        self.take()
        if not self._over and self._at is not None and time.monotonic() - self._at >= PATIENCE:
            self._over = True
            raise KeyboardInterrupt

    def take(self) -> None:
        """Take note of one and raise nothing yet."""
        # A handler may run in the middle of anything, its own earlier call too: it takes no lock.
        if self._outer is not None:
            self._outer.take()
        if self._at is None:
            self._at = time.monotonic()
            _thread.start_new_thread(self._insist, ())

    def _insist(self) -> None:
        while True:
            time.sleep(PATIENCE)
            if self._over:
                return
            if hasattr(signal, "pthread_kill"):
                # It wakes a main thread that waits for a lock.
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            else:
                _thread.interrupt_main()

    def end(self) -> None:
        """Raise nothing any more."""
        self._over = True


@contextlib.contextmanager
def noted_interrupts() -> Iterator[Interrupts]:
    """Note an interrupt instead of raising KeyboardInterrupt, which is raised a while later.

    So what was begun can be ended, and a second one can fall into nothing that the first began;
    but who waits for what does not end is freed after `PATIENCE`. Outside of the main thread,
    where no interrupt arrives, none is noted.

    Examples
    --------
    >>> with noted_interrupts() as interrupted:
    ...     signal.raise_signal(signal.SIGINT)
    >>> interrupted.is_set()
    True
    """
    before = signal.getsignal(signal.SIGINT)
    # Who waits for the one who waits is meant as well.
    outer = getattr(before, "__self__", None)
    interrupts = Interrupts(outer if isinstance(outer, Interrupts) else None)
    if threading.current_thread() is not threading.main_thread() or before is None:
        yield interrupts
        return
    signal.signal(signal.SIGINT, interrupts.note)
    try:
        yield interrupts
    finally:
        interrupts.end()
        signal.signal(signal.SIGINT, before)

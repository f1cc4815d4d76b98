"""Ctrl-C and Kernel → Interrupt, noted while a thread is waited for."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def noted_interrupts() -> Iterator[threading.Event]:
    """Set an event at each interrupt, instead of raising KeyboardInterrupt.

    So a second one can fall into nothing that the first one began. Outside of the main thread,
    where no interrupt arrives, the event stays unset.

    Examples
    --------
    >>> with noted_interrupts() as interrupted:
    ...     signal.raise_signal(signal.SIGINT)
    >>> interrupted.is_set()
    True
    """
    event = threading.Event()
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before is None:
        yield event
        return
    signal.signal(signal.SIGINT, lambda *_: event.set())
    try:
        yield event
    finally:
        signal.signal(signal.SIGINT, before)

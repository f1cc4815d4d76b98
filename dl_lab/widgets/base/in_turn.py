"""Requests that may wait for a step of training: they hold up no other."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from contextvars import copy_context
from functools import partial

PATIENCE = 10.0
"""Seconds that a close leaves for what was asked before it."""

_log = logging.getLogger(__name__)


class InTurn:
    """Run jobs one after another, in a thread that exists only while there are any.

    Each runs in the context in which it was put. A widget is held by its jobs, so by none once it
    is idle.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: deque[Callable[[], object]] = deque()
        self._thread: threading.Thread | None = None
        self._closed = False

    def put(self, job: Callable[[], object]) -> None:
        """Run `job` after those that were put before; returns at once. Once closed, forget it."""
        in_context = partial(copy_context().run, job)
        with self._lock:
            if self._closed:
                return
            self._jobs.append(in_context)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="dl-lab-requests", daemon=True
                )
                self._thread.start()

    def close(self) -> None:
        """Take no more jobs, and wait a while for those there are. May be called twice."""
        with self._lock:
            self._closed = True
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(PATIENCE)
        with self._lock:
            self._jobs.clear()

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._jobs:
                    self._thread = None
                    return
                job = self._jobs.popleft()
            try:
                job()
            except Exception:  # noqa: BLE001 - one job's fault is not the next one's
                _log.exception("dl-lab: a request failed")
            # Nothing is held while the thread ends.
            del job

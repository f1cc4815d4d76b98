"""Requests that may wait for a step of training: they hold up no other."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from contextvars import copy_context
from functools import partial

from dl_lab import exits, forks

PATIENCE = 2.0
"""Seconds that a close leaves for what was asked before it."""

LATE = 8.0
"""Seconds after which it is told that a request still waits: before a view gives up, at 10."""

Answer = Callable[[], object]

_log = logging.getLogger(__name__)


class InTurn:
    """Run jobs one after another, in a thread that exists only while there are any.

    Each runs in the context in which it was put. A widget is held by its jobs, so by none once it
    is idle.
    """

    def __init__(self) -> None:
        self._lock = forks.opens(threading.Lock())
        self._jobs: deque[_Job] = deque()
        self._running: _Job | None = None
        self._thread: threading.Thread | None = None
        self._closed = False
        forks.tell(self)

    def forked(self) -> None:
        """Be without jobs: they are the parent's."""
        self._jobs.clear()
        self._running = self._thread = None

    def put(self, do: Callable[[], Answer | None], late: Answer | None = None) -> None:
        """Do a job after those that were put before; returns at once. Once closed, forget it.

        Parameters
        ----------
        do
            What is to be done. It returns how to answer, which is called when it is done.
        late
            Called instead, after `LATE` seconds, where the job is not done by then.
        """
        with self._lock:
            if self._closed:
                return
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="dl-lab-requests", daemon=True)
                # Where the system has no thread left it raises, and nothing waits for one.
                thread.start()
                self._thread = thread
            self._jobs.append(_Job(do, late))

    def close(self) -> None:
        """Take no more jobs, and wait a while for those there are. May be called twice."""
        with self._lock:
            self._closed = True
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(PATIENCE)
        with self._lock:
            for job in [*self._jobs, *([self._running] if self._running is not None else [])]:
                job.answer(None)
            self._jobs.clear()

    def _run(self) -> None:
        while True:
            with self._lock:
                self._running = None
                if not self._jobs:
                    self._thread = None
                    return
                self._running = job = self._jobs.popleft()
            answer = None
            try:
                with exits.computing():
                    answer = job.do()
                job.answer(answer)
            except Exception:  # noqa: BLE001 - one job's fault is not the next one's
                _log.exception("dl-lab: a request failed")
            # Nothing is held while the thread ends.
            del job, answer


class _Job:
    """What is to be done, and what is said of it, once."""

    def __init__(self, do: Callable[[], Answer | None], late: Answer | None) -> None:
        self.do: Callable[[], Answer | None] = partial(copy_context().run, do)
        self._unsaid = forks.opens(threading.Lock())
        self._timer = threading.Timer(LATE, self.answer, [late])
        self._timer.name, self._timer.daemon = "dl-lab-late", True
        if late is not None:
            self._timer.start()

    def answer(self, answer: Answer | None) -> None:
        if self._unsaid.acquire(blocking=False):
            self._timer.cancel()
            if self._timer.ident is not None and self._timer is not threading.current_thread():
                self._timer.join()
            if answer is not None:
                answer()

"""Looks at a network that a cell trains in a loop of its own: in the loop's thread, in its turn.

A look puts a network into eval mode and its buffers aside for a moment. In a second thread that
would be in the middle of someone's step.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any, TypeVar

from dl_lab import forks
from dl_lab.errors import InputError
from dl_lab.probe.looks.turns import CalledOff

_Result = TypeVar("_Result")


class CellTurns:
    """Keeps looks waiting from the first time that a cell's loop serves them to the cell's end.

    Parameters
    ----------
    ended
        Called when the cell has ended.
    """

    def __init__(self, ended: Callable[[], object]) -> None:
        self._ended = ended
        self._lock = forks.opens(threading.Lock())
        self._looking = forks.opens(threading.RLock())
        self._shell: Any = None
        self._waiting: deque[tuple[Callable[[], Any], Future[Any]]] = deque()

    def serve(self) -> bool:
        """Run the looks that wait; return whether more will wait until the next time.

        Outside of the main thread of an IPython kernel nobody tells when the loop is over: there
        nothing waits.
        """
        shell = _shell()
        if shell is None or threading.current_thread() is not threading.main_thread():
            return False
        with self._lock:
            begins = self._shell is None
            self._shell = shell
        if begins:
            shell.events.register("post_run_cell", self.end)
            with self._looking:
                # A look that had begun is over.
                pass
        self._run_waiting()
        return True

    @property
    def waiting(self) -> bool:
        """Whether looks wait for a cell's loop."""
        return self._shell is not None

    def run(self, look: Callable[[], _Result], patience: float | None = None) -> _Result:
        """Look at once, or in the loop's turn.

        Parameters
        ----------
        look
            What to do.
        patience
            Seconds to wait for the loop; None is as long as the cell runs.

        Raises
        ------
        InputError
            The loop did not come round in that time.
        CalledOff
            By `call_off`.
        """
        if threading.current_thread() is threading.main_thread():
            return look()
        future: Future[_Result] = Future()
        with self._looking:
            with self._lock:
                waits = self._shell is not None
                if waits:
                    self._waiting.append((look, future))
            if not waits:
                return look()
        try:
            return future.result(patience)
        except CancelledError:
            raise CalledOff from None
        except FutureTimeout:
            if future.cancel():
                raise InputError("loop_busy", seconds=patience) from None
            return future.result()

    def call_off(self) -> None:
        """Have none wait any longer."""
        with self._lock:
            waiting, self._waiting = self._waiting, deque()
        for _, future in waiting:
            future.cancel()

    def end(self, *_: object) -> None:
        """Run what still waits: the cell is done."""
        with self._lock:
            shell, self._shell = self._shell, None
        if shell is not None:
            shell.events.unregister("post_run_cell", self.end)
            self._run_waiting()
            self._ended()

    def _run_waiting(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    return
                look, future = self._waiting.popleft()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(look())
            except (Exception, CalledOff) as error:  # noqa: BLE001 - it belongs to the one who waits
                future.set_exception(error)
            except BaseException:
                # The loop was interrupted, not the look.
                future.set_exception(InputError("loop_busy", seconds=0))
                raise


def _shell() -> Any:  # IPython has no types here
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None

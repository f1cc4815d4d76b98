"""The static picture of a plot that stays in the saved notebook."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from time import monotonic
from typing import Any

from dl_lab import forks

_APART = 0.25
"""Seconds between two pictures: someone may hold the Step button down."""


class SavedPicture:
    """A second output of the cell, brought up to date from any thread.

    Parameters
    ----------
    draw
        Returns the picture as SVG.
    identifier
        The ``display_id`` of the output.
    """

    def __init__(self, draw: Callable[[], str], identifier: str) -> None:
        self._draw = draw
        self._identifier = identifier
        self._lock = forks.opens(threading.Lock())
        self._shell: Any = None
        self._shown = False
        self._due = 0.0
        self._timer: threading.Timer | None = None
        self._closed = False
        forks.tell(self)

    def forked(self) -> None:
        """Be without a timer: it goes off in the parent alone."""
        self._timer = None

    def show(self) -> None:
        """Add the output to the cell that runs."""
        from IPython.display import display

        self._shown = True
        display(self._bundle(), raw=True, display_id=self._identifier)  # type: ignore[no-untyped-call]  # IPython has no types here
        shell = sys.modules["IPython"].get_ipython()
        if shell is not None and self._shell is None:
            self._shell = shell
            # What waits for its turn when a cell ends still belongs to the cell.
            shell.events.register("post_run_cell", self._flush)

    def update(self) -> None:
        """Bring it up to date: at once, or soon where that was done a moment ago."""
        if not self._shown or self._closed:
            return
        with self._lock:
            wait = self._due - monotonic()
            if wait > 0:
                if self._timer is None:
                    self._timer = threading.Timer(wait, self._flush)
                    self._timer.name = "dl-lab-picture"
                    self._timer.daemon = True
                    self._timer.start()
                return
            self._due = monotonic() + _APART
        self._send()

    def close(self) -> None:
        """Leave the picture as it is now for good."""
        self._flush()
        self._closed = True
        if self._shell is not None:
            self._shell.events.unregister("post_run_cell", self._flush)
            self._shell = None

    def _flush(self, *_: object) -> None:
        with self._lock:
            timer, self._timer = self._timer, None
        if timer is not None and not self._closed:
            timer.cancel()
            self._due = monotonic() + _APART
            self._send()

    def _send(self) -> None:
        from IPython.display import display

        display(self._bundle(), raw=True, display_id=self._identifier, update=True)  # type: ignore[no-untyped-call]  # IPython has no types here

    def _bundle(self) -> dict[str, str]:
        # No text: the view has it, and a terminal would print it twice.
        return {"image/svg+xml": self._draw()}

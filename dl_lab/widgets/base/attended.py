"""Runs that a widget's buttons start: they pause when nobody is left who could pause them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from time import monotonic
from typing import Any

import traitlets

from dl_lab.errors import InputError, number
from dl_lab.protocol import Buffer
from dl_lab.train.run import PRESSED
from dl_lab.train.trainer import Trainer
from dl_lab.widgets.base import cells
from dl_lab.widgets.base.settings import SettingsWidget

UNATTENDED = 300.0
"""Seconds that a run goes on while no page shows it: a page loads anew in far less."""

_MINUTE = 60


class Leave:
    """Says why a run that a button started is to pause; holds nothing of the widget.

    Parameters
    ----------
    seconds
        How long nobody need look on; None is for ever.
    """

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds

    def __call__(self, unseen: float) -> InputError | None:
        """Return the reason after so many seconds in which no view was heard."""
        if self.seconds is None or unseen < self.seconds:
            return None
        idle = cells.idle_since()
        # A busy kernel hears no view, and who runs a cell is there.
        if idle is None or monotonic() - idle < self.seconds:
            return None
        return InputError("unattended", time=_length(self.seconds))


def _length(seconds: float) -> str:
    return f"{seconds / _MINUTE:g} min" if seconds >= _MINUTE else f"{seconds:g} s"


class AttendedWidget(SettingsWidget):
    """A widget with buttons that start runs.

    Attributes
    ----------
    unattended
        Seconds for which a run that a button of this widget started goes on while no page shows
        it, hidden ones included; then it pauses, and says so. None is for ever. What code starts,
        by ``fit``, ``start`` or ``resume``, goes on in any case.
    """

    unattended: Any = traitlets.Float(UNATTENDED, allow_none=True).tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        self._limit = Leave(UNATTENDED)
        super().__init__(**traits)

    @traitlets.validate("unattended")
    def _check_unattended(self, proposal: Mapping[str, Any]) -> float | None:
        given = proposal["value"]
        self._limit.seconds = None if given is None else number("unattended", given, 1, 1e9)
        return self._limit.seconds

    def driven(self) -> Iterable[object]:
        """Return the runs that its buttons start and pause."""
        raise NotImplementedError

    def on_lost(self) -> None:
        """Pause the runs that no other widget shows: their button is gone for good."""
        others = [one for one in cells.open_widgets() if isinstance(one, AttendedWidget)]
        named = self.model_id
        seen = [run for other in others if other.model_id != named for run in other.driven()]
        for run in self.driven():
            # A loop in a cell is ended by an interrupt; a pause would hold up its cell for ever.
            if isinstance(run, Trainer) and not any(run is one for one in seen):
                run.abandon(InputError("view_gone"))

    def _answer(self, content: object, buffers: list[Buffer]) -> None:
        pressed = PRESSED.set(self._limit)
        try:
            super()._answer(content, buffers)
        finally:
            PRESSED.reset(pressed)
        if not (isinstance(content, Mapping) and content.get("kind") == "bye"):
            for run in self.driven():
                if isinstance(run, Trainer):
                    run.attend()

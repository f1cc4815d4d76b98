"""What went wrong with those who only look on while training goes on."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dl_lab.errors import InputError


class Notes:
    """Sentences about metrics, callbacks and files that failed, each told once, in the log too.

    Any thread may add one.

    Examples
    --------
    >>> from dl_lab.errors import InputError
    >>> notes = Notes()
    >>> for step in range(3):
    ...     notes.add(InputError("event_failed", name="graph", detail="no memory"), "graph")
    >>> len(notes.told)
    1
    """

    def __init__(self) -> None:
        self._told: dict[tuple[str, str], InputError] = {}

    @property
    def told(self) -> tuple[InputError, ...]:
        """All, the oldest first."""
        return tuple(self._told.copy().values())

    def add(self, problem: InputError, about: str = "") -> None:
        """Tell of a problem, unless one of its kind about the same thing was told before."""
        known = self._told.setdefault((problem.key, about), problem)
        if known is problem:
            logging.getLogger("dl_lab").warning("%s", problem)

    def clear(self) -> None:
        """Forget all: they are told again when they come again."""
        self._told = {}

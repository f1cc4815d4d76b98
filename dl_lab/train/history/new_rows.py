"""What is new in a History since one last looked, for a reader in another thread."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from dl_lab.train.history.history import History


class HistoryRows:
    """Rows of a History that have not been taken yet.

    Parameters
    ----------
    history
        One thread appends to it, another takes from here.
    after
        The step up to which rows count as taken; -1 for none.

    Attributes
    ----------
    wall_times
        What to add to the history's seconds for seconds since 1970.
    step
        All rows up to this step have been taken; -1: perhaps none.

    Examples
    --------
    >>> from dl_lab.train.history.history import History
    >>> history = History()
    >>> history.append(1, train_loss=0.5)
    >>> rows = HistoryRows(history)
    >>> [(name, values.tolist()) for name, _, _, values in rows.new()]
    [('train_loss', [0.5])]
    >>> rows.taken()
    >>> rows.new()
    []
    """

    def __init__(self, history: History, after: int = -1) -> None:
        self.history = history
        self.revision = history.revision
        self.wall_times = time.time() - history.seconds()
        self._rows = {
            name: int(np.searchsorted(history[name].steps, after, "right")) for name in history
        }
        self.step = after
        self._seen: dict[str, int] = {}
        self._complete = after

    @property
    def void(self) -> bool:
        """Whether the history was cut or exchanged since, so that nothing more can be taken."""
        return self.revision != self.history.revision

    def new(
        self, most: int = 2**62
    ) -> list[
        tuple[str, npt.NDArray[np.uint32], npt.NDArray[np.float64], npt.NDArray[np.floating[Any]]]
    ]:
        """Return series, steps, times since 1970 and values of new rows, `most` of each series."""
        found = []
        self._seen = {}
        # Rows come in the order of their steps: before any of a later step, these were all there.
        complete = last_step(self.history) - 1
        for name in self.history:
            series = self.history.series(name)
            first = self._rows.get(name, 0)
            last = min(len(series), first + most)
            if last < len(series):
                complete = self.step
            if last > first:
                times = series.times[first:last].astype(np.float64) + self.wall_times
                found.append((name, series.steps[first:last], times, series.values[first:last]))
                self._seen[name] = last
        if self.void:
            self._seen = {}
            return []
        self._complete = max(self.step, complete)
        return found

    def taken(self) -> None:
        """Count what `new` returned as taken."""
        self._rows |= self._seen
        self.step = self._complete
        self._seen = {}


def last_step(history: History) -> int:
    """Return the latest step of all series, -1 if there is none."""
    return max((int(history[name].steps[-1]) for name in history if len(history[name])), default=-1)

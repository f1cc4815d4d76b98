"""One recorded quantity: columns that only grow."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from dl_lab.errors import number, whole
from dl_lab.train.history.smoothing import Smoother

Floats = npt.NDArray[np.floating[Any]]
Rows = npt.NDArray[np.int64]

MOST_STEPS = 2**32 - 1

_CAPACITY = 256
# A quarter more each time: what is held in reserve stays within 16 bytes a row.
_GROWTH = 4


class _Column:
    """An array that grows at its end; views given out stay as they are."""

    def __init__(self, dtype: str, capacity: int = _CAPACITY) -> None:
        self.array = np.empty(capacity, dtype)
        # Writing one number through a memoryview costs half of what the array itself takes.
        self.cells: Any = self.array.data

    def grow(self) -> None:
        # A new array, never a resize in place: readers may hold views of the old one.
        old = self.array
        array = np.empty(len(old) + len(old) // _GROWTH, old.dtype)
        array[: len(old)] = old
        self.array, self.cells = array, array.data

    @classmethod
    def of(cls, values: npt.NDArray[Any]) -> _Column:
        column = cls(values.dtype.str, max(_CAPACITY, len(values)))
        column.array[: len(values)] = values
        return column


class Series:
    """One recorded quantity, 12 bytes a row.

    Made by `History`. One thread may append while any number of threads read: whatever a reader
    gets is complete up to some row and does not change afterwards.

    Attributes
    ----------
    steps
        u4 [n], the step or epoch of each row.
    times
        f4 [n], seconds since the history began.
    values
        f4 [n], NaN and infinities kept; f8 from the first value on that float32 does not hold.

    Notes
    -----
    The columns are copied when they are full rather than hang together in chunks: an append stays
    about as cheap, and `values` is a view, not a copy.
    """

    def __init__(self, name: str = "value") -> None:
        self.name = name
        self._count = 0
        self._capacity = _CAPACITY
        self._steps = _Column("u4")
        self._times = _Column("f4")
        self._values = _Column("f4")
        self._cells = self._writable()
        self._ordered = (0, True)
        self._extremes: tuple[int, int | None, int | None] = (0, None, None)
        self._smoother = Smoother()

    @classmethod
    def of(
        cls, name: str, steps: npt.ArrayLike, times: npt.ArrayLike, values: npt.ArrayLike
    ) -> Series:
        """Return a series of copies of these columns."""
        series = cls(name)
        numbers = np.asarray(values)
        if numbers.dtype != np.float32:
            numbers = numbers.astype(np.float64)
        series._steps = _Column.of(np.asarray(steps).astype(np.uint32))
        series._times = _Column.of(np.asarray(times).astype(np.float32))
        series._values = _Column.of(numbers)
        series._cells = series._writable()
        series._count = len(numbers)
        series._capacity = len(series._values.array)
        return series

    def __len__(self) -> int:
        """Count the rows."""
        return self._count

    @property
    def steps(self) -> npt.NDArray[np.uint32]:
        """The steps, a view that cannot be written to."""
        count = self._count
        return _view(self._steps, count)

    @property
    def times(self) -> npt.NDArray[np.float32]:
        """The times in seconds, a view that cannot be written to."""
        count = self._count
        return _view(self._times, count)

    @property
    def values(self) -> Floats:
        """The values, a view that cannot be written to."""
        count = self._count
        return _view(self._values, count)

    @property
    def last(self) -> float | None:
        """The newest value; None before there is one."""
        count = self._count
        return float(self._values.array[count - 1]) if count else None

    @property
    def ordered(self) -> bool:
        """Whether no step is smaller than the one before it."""
        seen, ordered = self._ordered
        count = self._count
        if ordered and count > seen:
            steps = self._steps.array[max(0, seen - 1) : count]
            ordered = bool((steps[1:] >= steps[:-1]).all())
        self._ordered = (count, ordered)
        return ordered

    def append(self, step: int, seconds: float, value: float) -> None:
        """Add a row; for hot loops, which take `seconds` from `History.seconds`.

        Raises
        ------
        InputError
            `step` is not a whole number from 0 to 2³² - 1, or `value` is not a number.
        """
        row = self._count
        if row == self._capacity:
            self._grow()
        steps, times, values = self._cells
        try:
            steps[row] = step
            times[row] = seconds
            values[row] = value
        except (TypeError, ValueError, RuntimeError):
            whole("step", step, 0, MOST_STEPS)
            number(self.name, value, -np.inf, np.inf)
            raise
        if values[row] != value and value == value:  # noqa: PLR0124 - NaN is not itself
            self._widen(row, value)
        # Last: a reader that sees the row counted finds it written.
        self._count = row + 1

    def _grow(self) -> None:
        for column in (self._steps, self._times, self._values):
            column.grow()
        self._cells = self._writable()
        self._capacity = len(self._values.array)

    def _writable(self) -> tuple[Any, Any, Any]:
        return self._steps.cells, self._times.cells, self._values.cells

    def _widen(self, row: int, value: float) -> None:
        """Hold float64 from now on."""
        wide = _Column("f8", self._capacity)
        wide.array[:row] = self._values.array[:row]
        wide.cells[row] = value
        self._values = wide
        self._cells = self._writable()

    def extreme_rows(self) -> tuple[int | None, int | None]:
        """Return the rows of the lowest and the highest finite value, the first of equals."""
        seen, lowest, highest = self._extremes
        values = self.values
        if len(values) > seen:
            new = values[seen:]
            finite = np.flatnonzero(np.isfinite(new))
            if len(finite):
                known = new[finite]
                low = seen + int(finite[known.argmin()])
                high = seen + int(finite[known.argmax()])
                lowest = low if lowest is None or values[low] < values[lowest] else lowest
                highest = high if highest is None or values[high] > values[highest] else highest
            self._extremes = (len(values), lowest, highest)
        return lowest, highest

    def at(self, rows: Rows) -> npt.NDArray[np.float32]:
        """Return the values of some rows, rounded to float32."""
        return _single(self._values.array[rows])

    def best_row(self, highest: bool | None) -> int | None:
        """Return the row of the best finite value; None without one, or where none is best."""
        return None if highest is None else self.extreme_rows()[highest]

    def smoothed(self, weight: float) -> npt.NDArray[np.float32]:
        """Return the exponential moving average of all rows, f4 [n].

        Parameters
        ----------
        weight
            Of what came before, 0 to less than 1.
        """
        return self._smoother.smooth(self.values, weight)

    def envelope(
        self, first: int | None = None, last: int | None = None, pixels: int = 256
    ) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Lowest and highest value in at most `pixels` stretches of rows.

        Parameters
        ----------
        first, last
            Rows, as in a slice: `first` is in, `last` is not. By default all.
        pixels
            The most stretches to return, 1 or more.

        Returns
        -------
        rows
            u4 [k], the row at which each stretch begins; k <= pixels.
        low, high
            f4 [k]. With no more than `pixels` rows each stretch is one row and both are its
            value. NaN counts only where a whole stretch is NaN, so that none hides a spike.
        """
        first, last, _ = slice(first, last).indices(self._count)
        count = max(0, last - first)
        cuts = min(count, max(1, pixels))
        edges = first + (np.arange(cuts + 1) * count) // max(1, cuts)
        low, high = self.extremes(edges)
        return edges[:-1].astype(np.uint32), low, high

    def extremes(self, edges: Rows) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Lowest and highest value between each two edges.

        Over three million rows this takes a fraction of a frame: nothing is kept to have it sooner.

        Parameters
        ----------
        edges
            i8 [k + 1], rising rows, the last as in a slice.

        Returns
        -------
        low, high
            f4 [k].
        """
        if len(edges) < 2:  # noqa: PLR2004 - no stretch at all
            return np.empty(0, np.float32), np.empty(0, np.float32)
        values = self._values.array[: edges[-1]]
        # Rounding keeps the order, so that float32 of the lowest is the lowest float32.
        low = _single(np.fmin.reduceat(values, edges[:-1]))
        return low, _single(np.fmax.reduceat(values, edges[:-1]))


def _single(values: Floats) -> npt.NDArray[np.float32]:
    """Return the values, rounded to float32 where they are wider."""
    if values.dtype == np.float32:
        return values
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


def _view(column: _Column, count: int) -> npt.NDArray[Any]:
    view = column.array[:count]
    view.flags.writeable = False
    return view

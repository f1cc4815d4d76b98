"""What training recorded, as columns: append-only, read from any thread while it grows."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dl_lab.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

Floats = npt.NDArray[np.floating[Any]]

_BLOCK = 64
_FACTOR = 8
_CAPACITY = 256


class _Column:
    """An array that grows at its end; views given out stay as they are."""

    def __init__(self, dtype: str) -> None:
        self.array = np.empty(_CAPACITY, dtype)

    def grow(self) -> None:
        # A new array, never a resize in place: readers may hold views of the old one.
        array = np.empty(2 * len(self.array), self.array.dtype)
        array[: len(self.array)] = self.array
        self.array = array


class _Level:
    """Lowest and highest value of every full block of `rows` rows."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.count = 0
        self.low = _Column("f8")
        self.high = _Column("f8")

    def append(self, low: float, high: float) -> None:
        if self.count == len(self.low.array):
            self.low.grow()
            self.high.grow()
        self.low.array[self.count] = low
        self.high.array[self.count] = high
        self.count += 1


class Series:
    """One recorded quantity: 16 bytes a row, and a pyramid of lows and highs above them.

    Made by `History`. One thread may append while any number of threads read: whatever a reader
    gets is complete up to some row and does not change afterwards.

    Attributes
    ----------
    steps
        u4 [n], the step or epoch of each row.
    times
        f4 [n], seconds since the history began.
    values
        f8 [n], NaN and infinities kept.

    Notes
    -----
    The columns double when they are full rather than hang together in chunks: an append stays
    about as cheap, and `values` is a view, not a copy.
    """

    def __init__(self) -> None:
        self._count = 0
        self._steps = _Column("u4")
        self._times = _Column("f4")
        self._values = _Column("f8")
        self._levels: list[_Level] = []

    def __len__(self) -> int:
        """Count the rows."""
        return self._count

    @property
    def steps(self) -> npt.NDArray[np.uint32]:
        """The steps, a view that cannot be written to."""
        return _view(self._steps, self._count)

    @property
    def times(self) -> npt.NDArray[np.float32]:
        """The times in seconds, a view that cannot be written to."""
        return _view(self._times, self._count)

    @property
    def values(self) -> npt.NDArray[np.float64]:
        """The values, a view that cannot be written to."""
        return _view(self._values, self._count)

    def _append(self, step: int, seconds: float, value: float) -> None:
        row = self._count
        if row == len(self._values.array):
            self._steps.grow()
            self._times.grow()
            self._values.grow()
        self._steps.array[row] = step
        self._times.array[row] = seconds
        self._values.array[row] = value
        # Last: a reader that sees the row counted finds it written.
        self._count = row = row + 1
        if not row % _BLOCK:
            self._summarize(row)

    def _summarize(self, rows: int) -> None:
        """Add the blocks that `rows` rows complete, level by level."""
        block = self._values.array[rows - _BLOCK : rows]
        low, high = np.fmin.reduce(block), np.fmax.reduce(block)
        size = _BLOCK
        for index in range(20):
            if index == len(self._levels):
                self._levels.append(_Level(size))
            level = self._levels[index]
            level.append(low, high)
            if level.count % _FACTOR:
                return
            low = np.fmin.reduce(level.low.array[level.count - _FACTOR : level.count])
            high = np.fmax.reduce(level.high.array[level.count - _FACTOR : level.count])
            size *= _FACTOR

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
        values = self._values.array
        pixels = max(1, pixels)
        if count <= pixels:
            rows = np.arange(first, first + count, dtype=np.uint32)
            exact = values[first : first + count].astype(np.float32)
            return rows, exact, exact.copy()
        starts, low, high = self._blocks(values, first, last, count // pixels)
        cuts = (np.arange(pixels) * len(starts)) // pixels
        return (
            starts[cuts].astype(np.uint32),
            np.fmin.reduceat(low, cuts).astype(np.float32),
            np.fmax.reduceat(high, cuts).astype(np.float32),
        )

    def _blocks(
        self, values: Floats, first: int, last: int, most: int
    ) -> tuple[npt.NDArray[np.int64], Floats, Floats]:
        """Return starts, lows and highs of stretches of at most about `most` rows."""
        fitting = [level for level in list(self._levels) if level.rows <= most]
        if not fitting:
            rows = values[first:last]
            return np.arange(first, last), rows, rows
        level = fitting[-1]
        begin = -(-first // level.rows)
        # A level may lag a block behind the rows it sums up.
        end = max(begin, min(last // level.rows, level.count))
        starts = np.arange(begin, end) * level.rows
        low, high = level.low.array[begin:end], level.high.array[begin:end]
        # The ends that fill no block, straight from the rows.
        for start, stop in ((first, begin * level.rows), (end * level.rows, last)):
            if start < stop:
                place = 0 if start == first else len(starts)
                starts = np.insert(starts, place, start)
                low = np.insert(low, place, np.fmin.reduce(values[start:stop]))
                high = np.insert(high, place, np.fmax.reduce(values[start:stop]))
        return starts, low, high


class History:
    """All series of one run.

    Examples
    --------
    >>> history = History()
    >>> history.append(1, train_loss=0.5, test_loss=0.75)
    >>> history["train_loss"].values
    array([0.5])
    """

    def __init__(self) -> None:
        self._series: dict[str, Series] = {}
        self._began = time.perf_counter()

    def append(self, step: int, **values: float) -> None:
        """Add one row to each of the named series.

        Parameters
        ----------
        step
            Step or epoch, 0 to 2³² - 1.
        **values
            A number for each series; a new name begins a series.
        """
        seconds = time.perf_counter() - self._began
        for name, value in values.items():
            series = self._series.get(name)
            if series is None:
                # A new dictionary: a reader may be walking over the old one.
                series = Series()
                self._series = {**self._series, name: series}
            series._append(step, seconds, value)  # noqa: SLF001

    def clear(self) -> None:
        """Drop all series and start the clock anew; a `Series` held by a reader stays as it is."""
        self._series = {}
        self._began = time.perf_counter()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the series, oldest first."""
        return tuple(self._series)

    def __contains__(self, name: object) -> bool:
        return name in self._series

    def __iter__(self) -> Iterator[str]:
        return iter(self._series)

    def __len__(self) -> int:
        """Count the series."""
        return len(self._series)

    def __getitem__(self, name: str) -> Series:
        series = self._series
        if name not in series:
            raise InputError.unknown("series", name, series)
        return series[name]

    def __repr__(self) -> str:
        """Tell the series and their lengths."""
        listed = ", ".join(f"{name}[{len(series)}]" for name, series in self._series.items())
        return f"History({listed})"


def _view(column: _Column, count: int) -> npt.NDArray[Any]:
    view = column.array[:count]
    view.flags.writeable = False
    return view

"""Curves for a plot: a window of a series in a bounded number of stretches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dl_lab.errors import InputError
from dl_lab.train.history.series import Series

if TYPE_CHECKING:
    from dl_lab.train.history.history import History

Doubles = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]

AXES = ("step", "epoch", "time")
SCALES = ("linear", "log")

# A step that an epoch's number leads back to may miss a whole number by rounding.
_SLACK = 1e-6
_LEAST = 3


@dataclass(frozen=True)
class Curve:
    """A window of one series.

    Attributes
    ----------
    x
        f8 [k], of the row in the middle of each stretch.
    low, high
        f4 [k], lowest and highest value of each stretch; NaN only where all of it is.
    smooth
        f4 [k], the moving average at `x`; None where no smoothing was asked for.
    rows
        How many rows lie in the window.
    exact
        Whether each stretch is one row.
    """

    x: Doubles
    low: Singles
    high: Singles
    smooth: Singles | None
    rows: int
    exact: bool


def curve(
    history: History,
    name: str | Series,
    *,
    pixels: int,
    axis: str = "step",
    low: float | None = None,
    high: float | None = None,
    smoothing: float = 0.0,
    scale: str = "linear",
    epoch_length: float | None = None,
) -> Curve:
    """Return what a plot draws of one series in a window.

    Parameters
    ----------
    history, name
        The series: its name, or itself.
    pixels
        The most stretches, 3 or more; they are equally wide on the axis, but for the first and
        the last row, which are stretches of their own. With no more rows than that each is one.
        The rows next to the window come on top.
    axis
        ``"step"``, ``"epoch"`` or ``"time"`` (seconds).
    low, high
        The window on that axis; None is an open end.
    smoothing
        Weight of the moving average, 0 to less than 1. It runs over all rows, whatever the window.
    scale
        ``"linear"`` or ``"log"``: on which the stretches are equally wide.
    epoch_length
        Steps of an epoch, for the time until the first has ended.

    Raises
    ------
    InputError
        There is no such series or axis.

    Examples
    --------
    >>> from dl_lab.train.history.history import History
    >>> history = History()
    >>> for step in range(1000):
    ...     history.append(step, train_loss=1 / (1 + step))
    >>> seen = curve(history, "train_loss", low=100, high=899, pixels=100)
    >>> seen.rows, len(seen.x), seen.exact
    (800, 102, False)
    """
    series = history[name] if isinstance(name, str) else name
    if not (series.ordered or axis == "time"):
        series, average = _in_order(series, smoothing)
    else:
        average = series.smoothed(smoothing) if smoothing else None
    places = _places(history, series, axis, epoch_length)
    count = len(places.keys) if average is None else min(len(places.keys), len(average))
    first = 0 if low is None else min(count, places.row(low, "left"))
    last = count if high is None else max(first, min(count, places.row(high, "right")))
    rows = last - first
    begin, end = max(0, first - 1), min(count, last + 1)
    exact = rows <= max(_LEAST, pixels)
    if exact:
        drawn = np.arange(begin, end)
        lows = series.at(drawn)
        highs = lows.copy()
    else:
        # The ends are rows of their own: lines reach the edges, and the newest value is itself.
        head, tail = np.arange(begin, first + 1), np.arange(last - 1, end)
        inner = _cuts(places, first, last, max(_LEAST, pixels) - 2, scale)
        edges = np.clip(np.concatenate([[first], inner, [last]]), first + 1, last - 1)
        edges = edges[np.append(True, edges[1:] > edges[:-1])]
        lows, highs = series.extremes(edges)
        drawn = np.concatenate([head, (edges[:-1] + edges[1:] - 1) // 2, tail])
        lows = np.concatenate([series.at(head), lows, series.at(tail)])
        highs = np.concatenate([series.at(head), highs, series.at(tail)])
    return Curve(
        x=places.at(drawn),
        low=lows,
        high=highs,
        smooth=None if average is None else average[drawn],
        rows=rows,
        exact=exact,
    )


@dataclass(frozen=True)
class Place:
    """Where a row lies on each axis; `epoch` is None where epochs are not counted."""

    step: int
    epoch: float | None
    seconds: float


def place(
    history: History, series: Series, row: int, *, epoch_length: float | None = None
) -> Place:
    """Return where a row of a series lies."""
    step = int(series.steps[row])
    return Place(step, _epoch(history, step, epoch_length), float(series.times[row]))


def last_place(
    history: History, axis: str, at: float, *, epoch_length: float | None = None
) -> Place | None:
    """Return where the last row at or before a place of an axis lies; None if there is none."""
    found: list[tuple[float, Series, int]] = []
    for series in history.values():
        places = _places(history, series, axis, epoch_length)
        row = places.row(at, "right") - 1
        if row >= 0:
            found.append((places.at(np.array([row])).item(), series, row))
    if not found:
        return None
    _, series, row = max(found, key=lambda one: one[0])
    return place(history, series, row, epoch_length=epoch_length)


def extent(
    history: History, axis: str = "step", *, epoch_length: float | None = None
) -> tuple[float, float] | None:
    """Return the lowest and highest place of any row on an axis; None without rows."""
    ends: list[float] = []
    for series in history.values():
        keys = series.times if axis == "time" else series.steps
        if len(keys):
            ordered = axis == "time" or series.ordered
            ends += [keys[0], keys[-1]] if ordered else [keys.min(), keys.max()]
    if not ends:
        return None
    low, high = float(min(ends)), float(max(ends))
    if axis == "epoch":
        epochs = (_epoch(history, int(step), epoch_length) for step in (low, high))
        low, high = (
            step if epoch is None else epoch
            for step, epoch in zip((low, high), epochs, strict=True)
        )
    return low, high


def _epoch(history: History, step: int, epoch_length: float | None) -> float | None:
    """Return the epoch of one step, as `_places` has it for many; None where none is counted."""
    ends = history.epochs
    count = int(np.searchsorted(ends, np.uint32(step), "right"))
    if not len(ends):
        return step / epoch_length if epoch_length else None
    begin = int(ends[count - 1]) if count else 0
    last = min(count, len(ends) - 1)
    length = int(ends[last]) - (int(ends[last - 1]) if last else 0)
    return count + (step - begin) / max(1, length)


@dataclass(frozen=True)
class _Places:
    """Where each row of a series lies on an axis."""

    keys: npt.NDArray[Any]
    knots: tuple[Doubles, Doubles] | None = None

    def at(self, rows: npt.NDArray[np.int64]) -> Doubles:
        keys = self.keys[rows].astype(np.float64)
        return keys if self.knots is None else np.interp(keys, *self.knots)

    def row(self, place: float, side: str) -> int:
        return int(self.rows(np.array([place], np.float64), side)[0])

    def rows(self, places: Doubles, side: str = "left") -> npt.NDArray[np.int64]:
        """Return the first rows at or after these places; with `side` right, those after."""
        slack = 0.0
        if self.knots is not None:
            places, slack = np.interp(places, self.knots[1], self.knots[0]), _SLACK
        # In the type of the keys, so that numpy does not convert all of them.
        if self.keys.dtype == np.uint32:
            whole = np.floor(places + slack) + 1 if side == "right" else np.ceil(places - slack)
            sought = np.clip(whole, 0, 2**32 - 1).astype(np.uint32)
            found = np.searchsorted(self.keys, sought, "left")
            # Beyond the last step there is.
            return np.where(whole >= 2**32, len(self.keys), found)
        near = places.astype(np.float32)
        return np.searchsorted(self.keys, near, "right" if side == "right" else "left")


def _places(history: History, series: Series, axis: str, epoch_length: float | None) -> _Places:
    if axis == "step":
        return _Places(series.steps)
    if axis == "time":
        return _Places(series.times)
    if axis != "epoch":
        raise InputError.unknown("axis", axis, AXES)
    ends = history.epochs.astype(np.float64)
    ends = ends[np.flatnonzero(np.diff(ends, prepend=0.0) > 0)]
    if len(ends):
        length = ends[-1] - (ends[-2] if len(ends) > 1 else 0.0)
    elif epoch_length is not None and epoch_length > 0:
        length = float(epoch_length)
    else:
        # The rows count epochs themselves.
        return _Places(series.steps)
    # The epoch that has not ended yet is taken to be as long as the one before.
    beyond = max(1.0, np.ceil((2.0**32 - (ends[-1] if len(ends) else 0.0)) / length))
    far = (ends[-1] if len(ends) else 0.0) + beyond * length
    numbers = np.arange(len(ends) + 1, dtype=np.float64)
    return _Places(
        series.steps,
        (np.concatenate([[0.0], ends, [far]]), np.append(numbers, numbers[-1] + beyond)),
    )


def _cuts(places: _Places, first: int, last: int, pixels: int, scale: str) -> npt.NDArray[np.int64]:
    """Return the rows at which stretches of equal width on the axis begin."""
    low, high = places.at(np.array([first, last - 1])).tolist()
    if scale == "log":
        keys = places.keys[first:last]
        positive = first + int(np.searchsorted(keys, np.zeros(1, keys.dtype), "right")[0])
        if positive >= last - 1:
            return np.array([positive])
        low = places.at(np.array([positive])).item()
        bounds = np.geomspace(low, high, pixels + (positive == first))
        return np.concatenate([[positive], places.rows(bounds[1:-1])])
    return places.rows(np.linspace(low, high, pixels + 1)[1:-1])


def _in_order(series: Series, smoothing: float) -> tuple[Series, Singles | None]:
    """Return a copy of the series sorted by step, smoothed in the order of recording."""
    values = series.values
    order = np.argsort(series.steps[: len(values)], kind="stable")
    average = series.smoothed(smoothing)[order] if smoothing else None
    return (
        Series.of(series.name, series.steps[order], series.times[order], values[order]),
        average,
    )

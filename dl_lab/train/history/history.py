"""What training recorded, as columns: append-only, read from any thread while it grows."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dl_lab.errors import InputError
from dl_lab.train.history import export
from dl_lab.train.history.series import Series
from dl_lab.train.history.series_kind import SeriesKind, guessed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from os import PathLike

ALIASES = {"loss": "train_loss"}
"""Other names by which a series is found where none is called so."""

_COLUMNS = ("steps", "times", "values")


class Best(NamedTuple):
    """The best finite value of a series, and the step at which it came first."""

    step: int
    value: float


class Recorded(NamedTuple):
    """What a history holds: its series, the step of each epoch's end, and how long it has run."""

    series: dict[str, Series]
    epochs: npt.NDArray[np.uint32]
    seconds: float


class History:
    """All series of one run.

    Attributes
    ----------
    revision
        Another number after each `clear`, `truncate` and `load_state_dict`: what was read before
        does not hold any more, and each `Series` is another object.

    Examples
    --------
    >>> history = History()
    >>> history.append(1, train_loss=0.5, validation_loss=0.75)
    >>> history.append(2, train_loss=0.25)
    >>> history["loss"].values
    array([0.5 , 0.25], dtype=float32)
    >>> history.best("validation_loss")
    Best(step=1, value=0.75)
    """

    def __init__(self) -> None:
        self.revision = 0
        self._series: dict[str, Series] = {}
        self._kinds: dict[str, SeriesKind] = {}
        self._epochs = np.empty(16, np.uint32)
        self._epoch_count = 0
        self._began = time.perf_counter()

    def seconds(self) -> float:
        """Return the seconds since the history began."""
        return time.perf_counter() - self._began

    def append(self, step: int, /, **values: float) -> None:
        """Add one row to each of the named series.

        Parameters
        ----------
        step
            Step or epoch, 0 to 2³² - 1.
        **values
            A number for each series; a new name begins a series.

        Raises
        ------
        InputError
            If `step` or a value is not such a number.
        """
        seconds = time.perf_counter() - self._began
        known = self._series
        for name, value in values.items():
            series = known.get(name)
            if series is None:
                series = self.series(name)
            series.append(step, seconds, value)

    def series(self, name: str) -> Series:
        """Return the series of this very name, begun if there is none.

        For hot loops, which then call ``series.append(step, history.seconds(), value)``. Another
        `revision` has other series.
        """
        series = self._series.get(name)
        if series is None:
            # A new dictionary: a reader may be walking over the old one.
            series = Series(name)
            self._series = {**self._series, name: series}
        return series

    def describe(self, name: str, kind: SeriesKind) -> None:
        """Take note of what the series of this name means, now or when it begins."""
        self._kinds[name] = kind

    def kind(self, name: str) -> SeriesKind:
        """Return what a series means: as it was described, else as its name suggests."""
        return self._kinds.get(name) or guessed(name)

    def mark_epoch(self, step: int) -> None:
        """Note that an epoch ended with `step`."""
        count = self._epoch_count
        if count == len(self._epochs):
            self._epochs = np.concatenate([self._epochs, np.empty_like(self._epochs)])
        self._epochs[count] = step
        self._epoch_count = count + 1

    @property
    def epochs(self) -> npt.NDArray[np.uint32]:
        """The step with which each epoch ended, u4 [epochs]; empty where rows count epochs."""
        count = self._epoch_count
        view = self._epochs[:count]
        view.flags.writeable = False
        return view

    def truncate(self, step: int) -> None:
        """Drop all rows and epochs after `step`; a `Series` held by a reader stays as it is."""
        kept = {}
        for name, series in self._series.items():
            steps, times, values = series.steps, series.times, series.values
            rows = steps <= step
            if rows.any():
                kept[name] = Series.of(name, steps[rows], times[rows], values[rows])
        epochs = self.epochs
        self._replace(kept, epochs[epochs <= step])

    def clear(self) -> None:
        """Drop all series and start the clock anew; a `Series` held by a reader stays as it is."""
        self._replace({}, np.empty(0, np.uint32))
        self._began = time.perf_counter()

    def _replace(self, series: dict[str, Series], epochs: npt.NDArray[np.uint32]) -> None:
        self._epoch_count = 0
        self._epochs = np.concatenate([epochs, np.empty(16, np.uint32)])
        self._epoch_count = len(epochs)
        self._series = series
        self.revision += 1

    def best(self, name: str, *, highest: bool | None = None) -> Best | None:
        """Return the best finite value of a series and its step.

        Parameters
        ----------
        name
            Of the series.
        highest
            Whether the highest is best; by default so for what is called accuracy, score, F1 and
            the like, and not so for losses and errors (`kind`).

        Returns
        -------
        Best or None
            None when no value is finite, and for what has no best, such as a learning rate.
        """
        series = self[name]
        if highest is None:
            highest = self.kind(series.name).higher
        row = series.best_row(highest)
        if row is None:
            return None
        values = series.values
        return Best(int(series.steps[row]), float(values[row]))

    def state_dict(self) -> dict[str, Any]:
        """Return all that is recorded: arrays (copies) and plain values."""
        return {
            "version": 1,
            "seconds": self.seconds(),
            "epochs": self.epochs.copy(),
            "series": {
                name: {column: np.array(getattr(series, column)) for column in _COLUMNS}
                for name, series in self._series.items()
            },
        }

    @staticmethod
    def read(state: Mapping[str, Any]) -> Recorded:
        """Return what is recorded in what `state_dict` returned, arrays or tensors."""
        series = {}
        for name, columns in state["series"].items():
            steps, times, values = (np.asarray(columns[key]) for key in _COLUMNS)
            kinds = steps.dtype.kind in "iu" and {times.dtype.kind, values.dtype.kind} <= {*"fiu"}
            if not kinds or steps.ndim != 1 or (len(steps) and steps.min() < 0):
                raise TypeError(name)
            count = min(len(steps), len(times), len(values))
            series[str(name)] = Series.of(name, steps[:count], times[:count], values[:count])
        epochs = np.asarray(state["epochs"])
        if epochs.ndim != 1 or (epochs.size and epochs.dtype.kind not in "iu"):
            raise TypeError(epochs.dtype)
        return Recorded(series, epochs.astype(np.uint32), float(state["seconds"]))

    def take(self, recorded: Recorded) -> None:
        """Hold what `read` returned; the clock goes on from there."""
        self._replace(dict(recorded.series), recorded.epochs)
        self._began = time.perf_counter() - recorded.seconds

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` returned, arrays or tensors; the clock goes on from there."""
        self.take(self.read(state))

    def to_pandas(self) -> Any:  # noqa: ANN401 - pandas need not be installed
        """Return all rows of all series as one table.

        Returns
        -------
        pandas.DataFrame
            Columns ``series``, ``step``, ``seconds`` and ``value``, one row for each value that
            was recorded; ``.pivot_table(index="step", columns="series", values="value")`` puts
            the series side by side.

        Raises
        ------
        InputError
            If pandas is not installed.
        """
        return export.frame(self.items())

    def to_csv(self, path: str | PathLike[str] | None = None) -> str | None:
        """Write all rows as comma-separated text, or return it when there is no `path`.

        The columns are those of `to_pandas`; every number is written so that reading it gives the
        same bits.

        Parameters
        ----------
        path
            Of the file, which is there whole or not at all; its folder is made where it is
            missing. ``~`` is your home.

        Raises
        ------
        InputError
            `path` is not the path of a file here, or cannot be written.
        """
        return export.write_csv(self.items(), path)

    def to_parquet(self, path: str | PathLike[str]) -> None:
        """Write all rows as a Parquet file, with the columns of `to_pandas`.

        Parameters
        ----------
        path
            As for `to_csv`.

        Raises
        ------
        InputError
            `path` is not the path of a file here, or cannot be written, or pyarrow is not
            installed.
        """
        export.write_parquet(self.items(), path)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the series, oldest first."""
        return tuple(self._series)

    def values(self) -> tuple[Series, ...]:
        """Return the series as they are now."""
        return tuple(self._series.values())

    def items(self) -> tuple[tuple[str, Series], ...]:
        """Return the series and their names as they are now, whatever is dropped meanwhile."""
        return tuple(self._series.items())

    def __contains__(self, name: object) -> bool:
        series = self._series
        return name in series or ALIASES.get(str(name)) in series

    def __iter__(self) -> Iterator[str]:
        return iter(self._series)

    def __len__(self) -> int:
        """Count the series."""
        return len(self._series)

    def __getitem__(self, name: str) -> Series:
        series = self._series
        if name not in series:
            alias = ALIASES.get(name)
            if alias is None or alias not in series:
                raise InputError.unknown("series", name, series)
            name = alias
        return series[name]

    def __repr__(self) -> str:
        """Tell the series and their lengths."""
        listed = ", ".join(f"{name}[{len(series)}]" for name, series in self._series.items())
        return f"History({listed})"

"""One recorded quantity, and which of its values is the better one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from dl_lab.errors import InputError, number
from dl_lab.train.history.series_kind import guessed

if TYPE_CHECKING:
    from dl_lab.train.run import Training

MODES = ("min", "max")


class Monitor:
    """The value of a series at the end of each epoch, and the best so far.

    Parameters
    ----------
    name
        Of the series. One that has a row a step counts with the mean of the epoch's rows.
    mode
        ``"min"`` or ``"max"``: which is better. None to tell by the name.
    min_delta
        By how much a value must be better to count as that.

    Raises
    ------
    InputError
        No name, a mode that is none, or a name that does not tell.

    Examples
    --------
    >>> monitor = Monitor("validation_accuracy")
    >>> monitor.mode
    'max'
    >>> monitor.take(0.5, epoch=1), monitor.take(0.4, epoch=2)
    (True, False)
    >>> monitor.best, monitor.best_epoch
    (0.5, 1)
    """

    def __init__(self, name: str, mode: str | None = None, min_delta: float = 0.0) -> None:
        if not isinstance(name, str):
            raise InputError.unknown("monitor", name, ("validation_loss", "train_loss"))
        if mode not in {None, *MODES}:
            raise InputError.unknown("mode", mode, (*MODES, None))
        self.name = name
        self.mode = _told_by(name) if mode is None else mode
        self.min_delta = number("min_delta", min_delta, 0, math.inf)
        self.best: float | None = None
        self.best_epoch: int | None = None

    def check(self, trainer: Training) -> None:
        """Refuse at the start of a run what could only fail at the end of its first epoch.

        Raises
        ------
        InputError
            It is the validation's, and there are no validation data.
        """
        if self.name == "validation_loss" and trainer.validation is None:
            raise InputError.unknown("monitor", self.name, ("train_loss",))

    def read(self, trainer: Training) -> float | None:
        """Return the value of the epoch that ends; None if it was not measured.

        Raises
        ------
        InputError
            There is no such series.
        """
        history = trainer.history
        if self.name not in history and self.name != "loss":
            raise InputError.unknown("monitor", self.name, history.names)
        return epoch_value(trainer, self.name)

    def take(self, value: float, epoch: int) -> bool:
        """Note the value of an epoch; return whether it is the best so far. NaN never is."""
        if math.isnan(value):
            return False
        if self.best is not None:
            gain = self.best - value if self.mode == "min" else value - self.best
            # Infinity is no better than infinity, though their difference is not a number.
            if not gain > self.min_delta:
                return False
        self.best, self.best_epoch = value, epoch
        return True

    def state_dict(self) -> dict[str, float | int | None]:
        """Return the best so far."""
        return {"best": self.best, "best_epoch": self.best_epoch}

    def load_state_dict(self, state: dict[str, float | int | None]) -> None:
        """Take back what `state_dict` returned; nothing is as at the beginning."""
        best_epoch = state.get("best_epoch")
        self.best = state.get("best")
        self.best_epoch = None if best_epoch is None else int(best_epoch)


def epoch_value(trainer: Training, name: str) -> float | None:
    """Return the mean of the rows that a series has of the last epoch; None if it has none."""
    series, ends = trainer.history[name], trainer.history.epochs
    # Recorded by epoch, the history's steps are epochs and it has no ends of them.
    before = trainer.epoch - 1 if len(ends) == 0 else int(ends[-2]) if len(ends) > 1 else 0
    rows = series.values[np.searchsorted(series.steps, before, side="right") :]
    return float(np.mean(rows, dtype="f8")) if len(rows) else None


def _told_by(name: str) -> str:
    highest = guessed(name).higher
    if highest is None:
        raise InputError("which_mode", name=name)
    return "max" if highest else "min"

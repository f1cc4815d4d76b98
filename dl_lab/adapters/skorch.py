"""Watching a skorch net."""

from __future__ import annotations

import math
import numbers
from typing import TYPE_CHECKING, Any

import numpy as np
from skorch.callbacks import Callback
from skorch.callbacks.scoring import ScoringBase
from torch import Tensor

from dl_lab.adapters._watched import begun, logged, present, renamed
from dl_lab.train.history.series_kind import PARTS
from dl_lab.train.learning_rate import OptimizerRate
from dl_lab.train.watch.run import WatchedRun

if TYPE_CHECKING:
    from collections.abc import Mapping

# Columns of skorch's history that are not scores: its own, and those that tell of another.
_OWN = ("epoch", "dur", "learning_rate", "train_loss")
_NOTES = ("_best", "_batch_count")


class SkorchCallback(Callback):
    """Record and hold `skorch.NeuralNet.fit`: Pause, Step and Stop take effect after each batch.

    Parameters
    ----------
    run
        What to record into. None makes one, which shows its plot in a notebook.

    Attributes
    ----------
    run_
        The `WatchedRun`, once training has begun. It stays behind when the net is cloned or
        pickled.

    Examples
    --------
    >>> import torch
    >>> from skorch import NeuralNetRegressor
    >>> x = torch.rand(64, 2)
    >>> watching = SkorchCallback()
    >>> net = NeuralNetRegressor(
    ...     torch.nn.Linear, module__in_features=2, module__out_features=1,
    ...     train_split=None, batch_size=16, max_epochs=2, callbacks=[watching], verbose=0,
    ... )
    >>> _ = net.fit(x, x.sum(1, keepdim=True))
    >>> watching.run_.history
    History(train_loss[8], learning_rate[1])
    """

    run_: WatchedRun | None = None
    row_: Mapping[str, Any] | None = None
    recorded_: frozenset[str] = frozenset()

    def __init__(self, run: WatchedRun | None = None) -> None:
        self.run = run

    def on_train_begin(self, net: Any, **_: object) -> None:
        """Begin the run."""
        self.run_ = begun(self.run or self.run_, net.module_, epochs=net.max_epochs, steps=None)

    def on_epoch_begin(self, net: Any, **_: object) -> None:
        """Take note of the optimizer and its schedulers: from now on they are there."""
        self._record_rest(net)
        callbacks = [callback for _, callback in net.callbacks_]
        schedulers = [getattr(callback, "lr_scheduler_", None) for callback in callbacks]
        self._run.attach(optimizer=OptimizerRate(net.optimizer_, filter(None, schedulers)))

    def on_batch_end(
        self,
        net: Any,  # noqa: ARG002  # skorch's signature
        batch: object = None,  # noqa: ARG002  # as above
        training: bool = False,
        **results: Any,
    ) -> None:
        """Log a batch of the training, and wait while the run is paused.

        Raises
        ------
        KeyboardInterrupt
            The run was stopped: skorch ends the fit upon it and keeps the net.
        """
        if training and logged(self._run, {"train_loss": results["loss"]}):
            raise KeyboardInterrupt

    def on_epoch_end(self, net: Any, **_: object) -> None:
        """Record what the validation gave, and the scorings so far."""
        self.row_ = net.history[-1]
        values = self._scores(net)
        self.recorded_ = frozenset(values)
        self._run.epoch_end(**values)

    def on_train_end(self, net: Any, **_: object) -> None:
        """End the run."""
        self._record_rest(net)
        self._run.end()

    def _record_rest(self, net: Any) -> None:
        """Record the scorings that are listed after this callback, which came after it."""
        if self.row_ is not None:
            found = self._scores(net).items()
            rest = {name: value for name, value in found if name not in self.recorded_}
            self.row_ = None
            if rest:
                self._run.record(**rest)

    def _scores(self, net: Any) -> dict[str, float]:
        """Return the epoch's numbers by the names of their series."""
        # A scoring tells what it was measured on where its name does not.
        kinds = {
            scoring.name_: "train_" if scoring.on_train else "validation_"
            for _, scoring in net.callbacks_
            if isinstance(scoring, ScoringBase) and scoring.name_.partition("_")[0] not in PARTS
        }
        row = {
            kinds.get(name, "") + name: number
            for name, value in (self.row_ or {}).items()
            if not _is_note(name) and (number := _number(value)) is not None
        }
        values = renamed(row, "", of=("train", "validation", "test", ""))
        return {name.removeprefix("_"): value for name, value in values.items()}

    @property
    def _run(self) -> WatchedRun:
        return present(self.run_)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "run": None, "run_": None, "row_": None}


def _is_note(name: str) -> bool:
    return name in _OWN or name.endswith(_NOTES) or name.startswith("event_")


def _number(value: object) -> float | None:
    """Return a score as a number: of Python, numpy or torch; None for what is none."""
    if isinstance(value, (Tensor, np.ndarray, np.generic)):
        if math.prod(value.shape) != 1:
            return None
        value = value.item()
    plain = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return float(value) if plain else None  # type: ignore[arg-type]  # a number

"""Watching a skorch net."""

from __future__ import annotations

from typing import Any

from skorch.callbacks import Callback

from dl_lab.adapters._watched import begun, logged, numbers, present, renamed
from dl_lab.train.learning_rate import OptimizerRate
from dl_lab.train.watch.run import WatchedRun

# Columns of skorch's own history that say something about another.
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

    def __init__(self, run: WatchedRun | None = None) -> None:
        self.run = run

    def on_train_begin(self, net: Any, **_: object) -> None:
        """Begin the run."""
        self.run_ = begun(self.run or self.run_, net.module_, epochs=net.max_epochs, steps=None)

    def on_epoch_begin(self, net: Any, **_: object) -> None:
        """Take note of the optimizer and its schedulers: from now on they are there."""
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
        """Record what the validation and the scorings gave."""
        row = {name: value for name, value in net.history[-1].items() if isinstance(value, float)}
        values = renamed(
            row,
            "",
            but=lambda name: name.endswith(_NOTES) or name == "train_loss",
        )
        self._run.epoch_end(**numbers(self._run, values))

    def on_train_end(self, net: Any, **_: object) -> None:  # noqa: ARG002  # as above
        """End the run."""
        self._run.end()

    @property
    def _run(self) -> WatchedRun:
        return present(self.run_)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "run": None, "run_": None}

"""Watching a Keras model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import keras

from dl_lab.adapters._watched import begun, logged, numbers, present, renamed, series
from dl_lab.train.watch.run import WatchedRun


class KerasCallback(keras.callbacks.Callback):
    """Record and hold `keras.Model.fit`: Pause, Step and Stop take effect after each batch.

    Keras 3, with PyTorch as its backend: set ``KERAS_BACKEND=torch`` before its first import.

    Parameters
    ----------
    run
        What to record into. None makes one, which shows its plot in a notebook.

    Attributes
    ----------
    run
        The `WatchedRun`, once training has begun.

    Notes
    -----
    Keras tells the mean over the epoch so far. The series hold each batch's own loss, and its own
    value of every metric that is a mean, such as the accuracy; others are as Keras tells them.

    Examples
    --------
    >>> import keras, numpy
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    >>> model.compile(optimizer="sgd", loss="mse")
    >>> x = numpy.random.rand(64, 2)
    >>> watching = KerasCallback()
    >>> _ = model.fit(x, x.sum(1), epochs=2, callbacks=[watching], verbose=0)
    >>> watching.run.history
    History(train_loss[4], learning_rate[1])
    """

    def __init__(self, run: WatchedRun | None = None) -> None:
        super().__init__()
        self.run = run
        self._batch = -1
        self._sums: dict[str, tuple[float, float]] = {}

    def on_train_begin(self, logs: object = None) -> None:  # noqa: ARG002  # Keras's signature
        """Begin the run."""
        epochs, batches = self.params.get("epochs"), self.params.get("steps")
        steps = epochs * batches if epochs and batches else None
        self.run = begun(self.run, self.model, epochs=epochs, steps=steps)
        if hasattr(self.model.optimizer, "learning_rate"):
            self.run.attach(optimizer=_KerasRate(self.model.optimizer))

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:  # noqa: ARG002  # as above
        """Begin the means anew, as Keras does."""
        self._batch = -1
        self._sums = {}

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Log the batch, and wait while the run is paused."""
        values = renamed(logs or {}, "train") | self._own_values()
        steps, self._batch = batch - self._batch, batch
        if logged(present(self.run), values, steps=steps):
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        """Record what the validation gave."""
        run = present(self.run)
        run.epoch_end(**numbers(run, renamed(logs or {}, "train", of=("validation",))))

    def on_train_end(self, logs: object = None) -> None:  # noqa: ARG002  # as above
        """End the run."""
        present(self.run).end()

    def _own_values(self) -> dict[str, float]:
        """Return the batch's own means, from the sums that Keras keeps over the epoch."""
        values = {}
        for metric in _walk(self.model.metrics):
            if not isinstance(metric, keras.metrics.Mean):
                continue
            total, count = float(metric.total), float(metric.count)
            before = self._sums.get(metric.name, (0.0, 0.0))
            self._sums[metric.name] = total, count
            if count > before[1]:
                values[series(metric.name, "train")] = (total - before[0]) / (count - before[1])
        return values


class _KerasRate:
    """The learning rate of a Keras optimizer."""

    def __init__(self, optimizer: Any) -> None:
        self._optimizer = optimizer

    def get(self) -> float | None:
        return float(self._optimizer.learning_rate)

    def set(self, value: float) -> None:
        self._optimizer.learning_rate = value


def _walk(metrics: Iterable[Any]) -> Iterator[Any]:
    for metric in metrics:
        yield metric
        yield from _walk(getattr(metric, "metrics", ()))

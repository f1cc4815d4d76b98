"""The way that the weights go while they are trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from dl_lab.errors import whole
from dl_lab.probe.modules import original
from dl_lab.train.callbacks.base import Callback

if TYPE_CHECKING:
    from torch import Tensor

    from dl_lab.train.run import Training

MOST_BYTES = 2**28
"""Of all recorded weights together: then every second is dropped, and half as many recorded."""


class WeightPath(Callback):
    """Record the weights along a run, so that `dl_lab.LossLandscape` can draw its way.

    Parameters
    ----------
    every
        Steps from one recording to the next; None records each epoch.
    most
        How many to keep: beyond that every second is dropped, and half as many recorded.

    Attributes
    ----------
    steps
        When each was recorded.
    weights
        All parameters of the model one after the other, on the CPU, f4 [n] each.

    Raises
    ------
    InputError
        `every` or `most` is no such number.

    Examples
    --------
    >>> from dl_lab import Trainer
    >>> model, data = torch.nn.Linear(1, 1), (torch.ones(8, 1), torch.zeros(8, 1))
    >>> sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> path = WeightPath(every=2)
    >>> trainer = Trainer(
    ...     model, torch.nn.functional.mse_loss, sgd, data, callbacks=[path], batch_size=2
    ... )
    >>> trainer.fit(epochs=2)
    >>> path.steps
    [0, 2, 4, 6, 8]
    >>> bool((path.weights[-1][0] == model.weight).all())
    True
    """

    observes = True

    def __init__(self, every: int | None = None, *, most: int = 200) -> None:
        self.every = None if every is None else whole("every", every, 1, 2**32 - 1)
        self.most = whole("most", most, 4, 100_000)
        self.steps: list[int] = []
        self.weights: list[Tensor] = []
        self._apart = 1
        self._ended = 0

    def on_start(self, trainer: Training) -> None:
        """Record where it begins."""
        if not self.steps:
            self._record(trainer)

    def on_step_end(self, trainer: Training) -> None:
        """Record, if it is time."""
        if self.every is not None and trainer.steps % (self.every * self._apart) == 0:
            self._record(trainer)

    def on_epoch_end(self, trainer: Training) -> None:
        """Record, if it is time."""
        self._ended += 1
        if self.every is None and self._ended % self._apart == 0:
            self._record(trainer)

    def on_reset(self, trainer: Training) -> None:
        """Forget what came later."""
        kept = sum(step <= trainer.steps for step in self.steps)
        del self.steps[kept:], self.weights[kept:]

    def state_dict(self) -> dict[str, Any]:
        """Return nothing: the way is as long as the run, and a checkpoint holds its end."""
        return {}

    def _record(self, trainer: Training) -> None:
        if self.steps and self.steps[-1] == trainer.steps:
            return
        parameters = original(trainer.model).parameters()
        with torch.no_grad():
            flat = torch.cat([one.detach().flatten().cpu().float() for one in parameters])
        self.steps.append(trainer.steps)
        self.weights.append(flat)
        if len(self.steps) > self.most or len(self.steps) * flat.nbytes > MOST_BYTES:
            del self.steps[1::2], self.weights[1::2]
            self._apart *= 2

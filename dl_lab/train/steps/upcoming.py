"""The batch of a run's next step, as looks at the network take rows of it."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from torch.nn.utils.rnn import PackedSequence

from dl_lab.kept.unchanged import unchanged
from dl_lab.train.batches.structure import can_be_cut, cut, rows
from dl_lab.train.steps.observed import Observed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from dl_lab.train.steps.evaluate import Batch, Loss
    from dl_lab.train.steps.precision import Precision


class Upcoming:
    """A batch, its loss and its precision, to be looked at a few rows at a time.

    Parameters
    ----------
    batch
        Inputs and targets.
    loss
        What the step is to learn by.
    precision
        What it computes in.

    Examples
    --------
    >>> import torch
    >>> from dl_lab.train.steps.precision import Precision
    >>> batch = torch.ones(4, 2), torch.zeros(4, 2)
    >>> rows = Upcoming(batch, torch.nn.MSELoss(), Precision("fp32", torch.device("cpu")))
    >>> rows.count, rows.arguments(0, 3)[0][0].shape
    (4, torch.Size([3, 2]))
    >>> rows.loss(torch.full((1, 2), 2.0), 0, 1)
    tensor(1.)
    """

    def __init__(self, batch: Batch, loss: Loss, precision: Precision) -> None:
        self._inputs, self._targets = batch
        self._loss = loss
        self._precision = precision
        self._cuts = can_be_cut((self._inputs, self._targets))
        self.count = rows(self._targets, self._inputs) if self._cuts else 1
        """How many rows there are; one where they belong together."""

    def arguments(self, start: int, stop: int) -> tuple[Sequence[Any], Mapping[str, Any]]:
        """Return what the model is called with for some of the rows."""
        inputs = self._cut(self._inputs, start, stop)
        if isinstance(inputs, Mapping):
            return (), {str(name): value for name, value in inputs.items()}
        if isinstance(inputs, (tuple, list)) and not isinstance(inputs, PackedSequence):
            return tuple(inputs), {}
        return (inputs,), {}

    def loss(self, outputs: object, start: int, stop: int) -> Tensor | None:
        """Return what these rows add to the batch's loss: of a mean their share of the rows.

        The loss itself, should it count or draw something, is afterwards as before.
        """
        targets = self._cut(self._targets, start, stop)
        seen = Observed(None, targets, self._loss)
        seen.made(outputs)
        with unchanged({"loss": self._loss}), seen.entered(self._loss):
            value = self._loss(outputs, targets)
        if seen.count(value).total:
            return value
        return value * ((stop - start) / self.count)

    def _cut(self, part: Any, start: int, stop: int) -> Any:  # noqa: ANN401  # nested as it likes
        return cut(part, start, stop) if self._cuts and stop - start < self.count else part

    @contextlib.contextmanager
    def context(self) -> Iterator[None]:
        """Compute as the step does."""
        with self._precision.context():
            yield

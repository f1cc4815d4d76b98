"""The loss of a model on data, measured without leaving a trace."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from dl_lab.train.random_stream import kept_random_state

Batch = tuple[Tensor, Tensor]
Data = Batch | Iterable[Batch]
"""One batch, or anything that yields batches (inputs, targets) each time it is iterated."""
Loss = Callable[[Tensor, Tensor], Tensor]


def as_batches(data: Data) -> Iterable[Batch]:
    """Return an iterable of batches; one pair of tensors is a single batch of all its rows."""
    if isinstance(data, tuple) and all(isinstance(item, Tensor) for item in data):
        return [data]
    return data  # type: ignore[return-value]  # no pair, so an iterable of pairs


def evaluate(model: nn.Module, loss: Loss, data: Data) -> float:
    """Mean loss over the rows of all batches, in evaluation mode.

    Training flags, gradients and the random state stay as they were.

    Parameters
    ----------
    model, loss
        ``loss(model(inputs), targets)`` gives one number, a mean over the batch.
    data
        One pair of tensors, or an iterable of them.

    Returns
    -------
    float
        NaN if the data hold no batch.

    Examples
    --------
    >>> evaluate(nn.Identity(), nn.functional.mse_loss, (torch.ones(3), torch.zeros(3)))
    1.0
    """
    flags = [(module, module.training) for module in model.modules()]
    total, rows = 0.0, 0
    model.eval()
    try:
        with torch.no_grad(), kept_random_state():
            for inputs, targets in as_batches(data):
                total += loss(model(inputs), targets).item() * len(targets)
                rows += len(targets)
    finally:
        for module, training in flags:
            module.training = training
    return total / rows if rows else math.nan

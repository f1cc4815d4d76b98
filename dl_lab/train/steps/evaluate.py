"""The loss of a model on data, measured without leaving a trace."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from dl_lab.errors import InputError
from dl_lab.train.batches.loaders import as_loader
from dl_lab.train.batches.random_stream import kept_random_state
from dl_lab.train.batches.structure import forward, rows, split, to_device
from dl_lab.train.diagnosis.explain import check_value, explain
from dl_lab.train.steps.differentiation import Differentiation
from dl_lab.train.steps.metrics import Metric, Note, tried
from dl_lab.train.steps.precision import Precision

Batch = tuple[Any, Any]
"""A batch's inputs and targets, as `dl_lab.train.batches.structure.split` gives them."""
Data = Any
"""What `dl_lab.train.batches.loaders.as_loader` takes."""
Loss = Callable[[Any, Any], Tensor]

CPU = torch.device("cpu")
MOST_ROWS = 1024
"""Rows of tensors that are measured at a time."""


def evaluate(model: nn.Module, loss: Loss, data: Data) -> float:
    """Mean loss over the rows of all batches, in evaluation mode.

    Training flags, gradients and the random state stay as they were.

    Parameters
    ----------
    model, loss
        ``loss(model(inputs), targets)`` gives one number, a mean over the batch.
    data
        Tensors, a Dataset or an iterable of batches.

    Returns
    -------
    float
        NaN if the data hold no batch.

    Examples
    --------
    >>> evaluate(nn.Identity(), nn.functional.mse_loss, (torch.ones(3), torch.zeros(3)))
    1.0
    """
    return measure(model, {"loss": loss}, data)["loss"]


def measure(  # noqa: C901  # one loop
    model: nn.Module,
    measures: Mapping[str, Metric],
    data: Data,
    *,
    device: torch.device = CPU,
    precision: Precision | None = None,
    most_rows: int = MOST_ROWS,
    note: Note | None = None,
) -> dict[str, float]:
    """Mean of each measure over the rows of all batches, in evaluation mode.

    Parameters
    ----------
    model
        Lies on `device`.
    measures
        Each ``measure(outputs, targets)`` gives one number, a mean over the batch.
    data
        Tensors, a Dataset or an iterable of batches.
    device
        Where to the batches go.
    precision
        What to compute in; None for the tensors' own types.
    most_rows
        Of a batch that is cut from tensors or a Dataset.
    note
        Told why a metric fails, which then is NaN; None to raise that.

    Returns
    -------
    dict
        Under each measure's name its mean; NaN if the data hold no batch.

    Raises
    ------
    InputError
        What the data, the model or a measure raised, as a sentence.
    """
    precision = precision or Precision("fp32", device)
    flags = [(module, module.training) for module in model.modules()]
    found: list[list[Tensor | float]] = []
    weights: list[int] = []
    where, inputs, outputs, targets = "batch", None, None, None
    grad = Differentiation(model)
    model.eval()
    try:
        with torch.no_grad(), kept_random_state(device):
            for batch in as_loader(data, most_rows, shuffle=False):
                inputs, targets = (to_device(part, device) for part in split(batch))
                while True:
                    where, values = "forward", []
                    try:
                        with precision.context(), grad.allowed():
                            outputs = forward(model, grad.by(inputs))
                            for name, one in measures.items():
                                if name != "loss":
                                    value = tried(name, one, outputs, targets, grad.told(note))
                                else:
                                    where, value = "loss", one(outputs, targets)
                                    if not found:
                                        check_value(value)
                                values.append(grad.plain(value))
                        break
                    except (RuntimeError, InputError) as error:
                        if not grad.allow_more(error):
                            raise
                found.append(values)
                weights.append(rows(targets))
                where = "batch"
    except InputError:
        raise
    except Exception as error:
        step = {"inputs": inputs, "outputs": outputs, "targets": targets}
        loss = measures.get("loss")
        raise explain(error, model=model, loss=loss, where=where, **step) from error
    finally:
        for module, training in flags:
            module.training = training
    # On an accelerator the numbers come all at once, at the end.
    columns = zip(*found, strict=True) if found else [[] for _ in measures]
    return {
        name: _mean(numbers(list(column)), weights)
        for name, column in zip(measures, columns, strict=True)
    }


def numbers(values: list[Tensor | float]) -> list[float]:
    """Return 0-d tensors and numbers as numbers; an accelerator is waited for once."""
    if values and all(isinstance(value, Tensor) and not value.is_cpu for value in values):
        return torch.stack([value.reshape(()) for value in values]).tolist()  # type: ignore[union-attr]  # tensors
    return [value.item() if isinstance(value, Tensor) else float(value) for value in values]


def _mean(values: list[float], weights: list[int]) -> float:
    total = sum(weights)
    if not total:
        return math.nan
    return sum(value * weight for value, weight in zip(values, weights, strict=True)) / total

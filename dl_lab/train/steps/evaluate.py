"""The loss of a model on data, measured without leaving a trace."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset, TensorDataset

from dl_lab.errors import InputError
from dl_lab.kept.unchanged import unchanged
from dl_lab.train.batches.loaders import as_loader
from dl_lab.train.batches.structure import split, to_device
from dl_lab.train.diagnosis.explain import check_value, explain
from dl_lab.train.steps.differentiation import Differentiation
from dl_lab.train.steps.metrics import Metric, Note, tell, tried, undecided
from dl_lab.train.steps.observed import Count, Observed, together
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
    """Measure a loss on data as if they were one batch, in evaluation mode.

    Training flags, gradients, random states and all that the model, the loss and the data hold stay
    as they were.

    Parameters
    ----------
    model, loss
        ``loss(model(inputs), targets)`` gives one number.
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
    most_rows: int | None = MOST_ROWS,
    note: Note | None = None,
) -> dict[str, float]:
    """Measure data as if they were one batch, in evaluation mode.

    A mean is that of all batches together, as far as `Observed` reads how many each is the mean
    of; otherwise each batch has the weight of its rows. A sum is that of all.

    Parameters
    ----------
    model
        Lies on `device`.
    measures
        Each ``measure(outputs, targets)`` gives one number: ``loss``, and others.
    data
        Tensors, a Dataset or an iterable of batches.
    device
        Where to the batches go.
    precision
        What to compute in; None for the tensors' own types.
    most_rows
        Of a batch that is cut from tensors or a Dataset; None leaves tensors whole.
    note
        Told why a metric fails, which then is NaN; None to raise that.

    Returns
    -------
    dict
        Under each measure's name its value; NaN if the data hold no batch, and for a metric to
        which none of the targets counts.

    Raises
    ------
    InputError
        What the data, the model or a measure raised, as a sentence; or to the loss none of the
        targets counts.
    """
    precision = precision or Precision("fp32", device)
    flags = [(module, module.training) for module in model.modules()]
    loss = measures.get("loss")
    found: list[list[Tensor | float]] = []
    counts: list[list[Count]] = []
    # What a function of the person's adds to may be a log; a module's state is its own.
    keeps = {name: one for name, one in measures.items() if isinstance(one, nn.Module)}
    where, inputs, outputs, targets = "batch", None, None, None
    grad = Differentiation(model)
    model.eval()
    try:
        with (
            torch.no_grad(),
            unchanged({"model": model, "loss": loss, **keeps}, {"data": data}, device),
        ):
            for batch in measured_batches(data, most_rows):
                inputs, targets = (to_device(part, device) for part in split(batch))
                while True:
                    where, values, of = "forward", [], []
                    seen = Observed(inputs, targets, loss)
                    try:
                        with precision.context(), grad.allowed():
                            given, wanted = grad.by(inputs), bool(undecided(measures))
                            outputs = seen.forward(model, given, wanted=wanted)
                            for name, one in measures.items():
                                if name != "loss":
                                    value, count = tried(
                                        name, one, outputs, targets, seen, grad.told(note)
                                    )
                                else:
                                    where = "loss"
                                    with seen.entered(one):
                                        value = one(outputs, targets)
                                    count = seen.count(value)
                                    tell(measures, seen, here=device.type == "cpu")
                                    if not found:
                                        check_value(value)
                                values.append(grad.plain(value))
                                of.append(count)
                        break
                    except (RuntimeError, InputError) as error:
                        if not grad.allow_more(error):
                            raise
                found.append(values)
                counts.append(of)
                where = "batch"
    except InputError:
        raise
    except Exception as error:
        step = {"inputs": inputs, "outputs": outputs, "targets": targets}
        raise explain(error, model=model, loss=loss, where=where, **step) from error
    finally:
        for module, training in flags:
            module.training = training
    # On an accelerator the numbers come all at once, at the end.
    columns = zip(*found, strict=True) if found else [[] for _ in measures]
    weights = zip(*counts, strict=True) if found else [[] for _ in measures]
    return {
        name: _of_all(name, list(values), list(of))
        for name, values, of in zip(measures, columns, weights, strict=True)
    }


def measured_batches(data: Data, most_rows: int | None) -> Iterable[Any]:
    """Return the batches in which data are measured: tensors whole where that is None.

    A Dataset has rows that stand for themselves, and is cut in any case.
    """
    by_rows = isinstance(data, Dataset) and type(data) is not TensorDataset
    return as_loader(data, most_rows or (MOST_ROWS if by_rows else None), shuffle=False)


def numbers(values: Sequence[Tensor | float]) -> list[float]:
    """Return 0-d tensors and numbers as numbers; an accelerator is waited for once."""
    far = [value.reshape(()) for value in values if isinstance(value, Tensor) and not value.is_cpu]
    fetched = iter(torch.stack(far).tolist() if far else ())
    return [
        float(value) if not isinstance(value, Tensor) or value.is_cpu else next(fetched)
        for value in values
    ]


def all_finite(parameters: Iterable[Tensor]) -> bool:
    """Whether all values are finite numbers; an accelerator is waited for once.

    Examples
    --------
    >>> all_finite([torch.ones(2), torch.eye(2).to_sparse()]), all_finite([torch.ones(1) / 0])
    (True, False)
    """
    return all(numbers([_values(one).isfinite().all() for one in parameters]))


def _values(tensor: Tensor) -> Tensor:
    if tensor.layout is torch.strided:
        return tensor
    return (tensor.coalesce() if tensor.is_sparse else tensor).values()


def _of_all(name: str, values: list[Tensor | float], counts: list[Count]) -> float:
    known = numbers([count.of for count in counts])
    if name == "loss" and values and not any(known):
        raise InputError("no_labels")
    of = [Count(number, count.total) for number, count in zip(known, counts, strict=True)]
    return together(numbers(values), of)

"""What is measured beside the loss: accuracy and the like."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from dl_lab.errors import InputError
from dl_lab.train.batches.structure import described
from dl_lab.train.diagnosis.explain import check_metric, explain

Metric = Callable[[Any, Any], "Tensor | float"]
"""``metric(outputs, targets)`` gives one number, a mean over the batch."""
Note = Callable[[InputError, str], None]
"""Told of a problem that training does not depend on, and what it is about."""
Metrics = str | Metric | Sequence[str | Metric] | Mapping[str, str | Metric]

_ON_PROBABILITIES = (nn.BCELoss, functional.binary_cross_entropy)
_ON_LABELS = (
    *_ON_PROBABILITIES,
    nn.BCEWithLogitsLoss,
    functional.binary_cross_entropy_with_logits,
)


def accuracy(
    outputs: Tensor, targets: Tensor, *, threshold: float = 0.0, labels: bool = False
) -> Tensor:
    """Return the share of rows that are classified rightly.

    Parameters
    ----------
    outputs
        [n, classes, …] scores, or [n, …, classes] where that fits the targets; [n] or [n, 1]
        for two classes, one number a row.
    targets
        [n, …] class indices, or scores of the outputs' shape, of which the largest counts. For
        two classes 0 or 1, or -1 or 1.
    threshold
        Above which an output means the second of two classes: 0 for logits, ½ for probabilities.
    labels
        Whether each output is a yes or no of its own (several labels a row).

    Returns
    -------
    Tensor
        0-d, float32, on the outputs' device.

    Raises
    ------
    InputError
        Shapes that do not fit each other.

    Examples
    --------
    >>> accuracy(torch.tensor([[2.0, 1.0], [0.0, 3.0]]), torch.tensor([0, 0]))
    tensor(0.5000)
    """
    outputs, targets = _two_tensors("accuracy", outputs, targets)
    binary = outputs.ndim == 1 or outputs.shape[1:].numel() == 1
    if binary or (labels and outputs.shape == targets.shape):
        if outputs.numel() != targets.numel():
            raise _misfit("accuracy", outputs, targets)
        right = (outputs > threshold).reshape(-1) == (targets > 1 / 2).reshape(-1)
        return right.float().mean()
    chosen, wanted = _choices("accuracy", outputs, targets)
    return (outputs.argmax(chosen) == wanted).float().mean()


def top(outputs: Tensor, targets: Tensor, k: int = 5) -> Tensor:
    """Return the share of rows whose class is among the `k` highest outputs.

    Parameters
    ----------
    outputs, targets
        As for `accuracy` of more than two classes.
    k
        How many count; all where there are fewer.

    Examples
    --------
    >>> top(torch.tensor([[0.1, 0.3, 0.6]]), torch.tensor([1]), k=2)
    tensor(1.)
    """
    outputs, targets = _two_tensors(f"top{k}", outputs, targets)
    if outputs.shape[1:].numel() == 1:
        raise _misfit(f"top{k}", outputs, targets)
    chosen, wanted = _choices(f"top{k}", outputs, targets)
    among = outputs.topk(min(k, outputs.shape[chosen]), dim=chosen).indices
    return (among == wanted.unsqueeze(chosen)).any(chosen).float().mean()


def mae(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the mean absolute error.

    Examples
    --------
    >>> mae(torch.tensor([[1.0], [2.0]]), torch.tensor([2.0, 4.0]))
    tensor(1.5000)
    """
    outputs, targets = _pairwise("mae", outputs, targets)
    return (outputs - targets).abs().float().mean()


def mse(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the mean squared error.

    Examples
    --------
    >>> mse(torch.tensor([1.0, 2.0]), torch.tensor([2.0, 4.0]))
    tensor(2.5000)
    """
    outputs, targets = _pairwise("mse", outputs, targets)
    return (outputs - targets).square().float().mean()


NAMES: dict[str, Metric] = {
    "accuracy": accuracy,
    "top3": partial(top, k=3),
    "top5": partial(top, k=5),
    "mae": mae,
    "mse": mse,
}
"""The metrics that have a name; ``"top7"`` and the like work too."""


def resolve(metrics: Metrics | None, loss: object = None) -> dict[str, Metric]:
    """Return the metrics a person asked for, under their names.

    Parameters
    ----------
    metrics
        A name from `NAMES`, a function ``metric(outputs, targets)`` that gives one number, a
        sequence of these, or a mapping from names to these.
    loss
        The loss that is trained with: after a binary cross entropy, ``"accuracy"`` takes each
        output as a yes or no of its own, and after one on probabilities from ½ on as a yes.

    Returns
    -------
    dict

    Raises
    ------
    InputError
        An unknown name, a name given twice, a function without a name.

    Examples
    --------
    >>> list(resolve(["accuracy", torch.nn.functional.l1_loss]))
    ['accuracy', 'l1_loss']
    >>> resolve({"one": "accuracy", "two": "mae"})["two"](torch.ones(3), torch.zeros(3))
    tensor(1.)
    """
    if metrics is None:
        return {}
    if isinstance(metrics, Mapping):
        return {_checked(str(name)): _one(metric, loss) for name, metric in metrics.items()}
    given = [metrics] if isinstance(metrics, str) or callable(metrics) else metrics
    if not isinstance(given, Sequence):
        raise InputError("not_metric", given=described(given))
    found: dict[str, Metric] = {}
    for metric in given:
        name = _name_of(metric)
        if name in found:
            raise InputError("twice", name="metrics", given=repr(name))
        found[name] = _one(metric, loss)
    return found


def tried(
    name: str, metric: Metric, outputs: object, targets: object, note: Note | None
) -> Tensor | float:
    """Return what a metric measures; NaN where it fails: training does not depend on it.

    Parameters
    ----------
    name, metric, outputs, targets
        The metric's name, and what it is given.
    note
        Told why it failed, and its name. None to raise that.

    Examples
    --------
    >>> tried("gap", lambda outputs, _: outputs[9], "few", "few", lambda why, _: print(why.key))
    metric_failed
    nan
    """
    try:
        value = metric(outputs, targets)
        check_metric(name, value)
    except Exception as error:
        step = {"outputs": outputs, "targets": targets}
        problem = explain(error, model=None, loss=None, where="metric", name=name, **step)
        if note is None:
            raise problem from error
        note(problem, name)
        return math.nan
    return value


def _one(metric: object, loss: object) -> Metric:
    if isinstance(metric, str):
        if match := re.fullmatch(r"top([1-9]\d*)", metric):
            return partial(top, k=int(match[1]))
        if metric not in NAMES:
            raise InputError.unknown("metrics", metric, NAMES)
        if metric == "accuracy":
            return _accuracy_after(loss)
        return NAMES[metric]
    if not callable(metric):
        raise InputError("not_metric", given=described(metric))
    return metric


def _accuracy_after(loss: object) -> Metric:
    def among(losses: tuple[Any, ...]) -> bool:
        return loss in losses or type(loss) in losses

    if not among(_ON_LABELS):
        return accuracy
    threshold = 1 / 2 if among(_ON_PROBABILITIES) else 0.0
    return partial(accuracy, threshold=threshold, labels=True)


def _name_of(metric: object) -> str:
    if isinstance(metric, str):
        return metric
    if isinstance(metric, nn.Module):
        return _checked(type(metric).__name__)
    name = getattr(metric, "__name__", None)
    if not callable(metric) or not name or not str(name).isidentifier():
        raise InputError("not_metric", given=name or described(metric))
    return _checked(str(name))


def _checked(name: str) -> str:
    if name == "loss":
        raise InputError("metric_loss")
    return name


def _two_tensors(name: str, outputs: object, targets: object) -> tuple[Tensor, Tensor]:
    if not isinstance(outputs, Tensor) or not isinstance(targets, Tensor) or outputs.ndim == 0:
        raise _misfit(name, outputs, targets)
    return outputs.detach(), targets.detach()


def _choices(name: str, outputs: Tensor, targets: Tensor) -> tuple[int, Tensor]:
    """Return along which dimension the classes lie, and the class indices that are wanted."""
    if targets.shape == outputs.shape:
        return 1, targets.argmax(1)
    if targets.ndim == outputs.ndim and targets.shape[1] == 1:
        targets = targets.squeeze(1)
    if targets.shape == outputs.shape[:1] + outputs.shape[2:]:
        return 1, targets
    if targets.shape == outputs.shape[:-1]:
        return outputs.ndim - 1, targets
    raise _misfit(name, outputs, targets)


def _pairwise(name: str, outputs: object, targets: object) -> tuple[Tensor, Tensor]:
    """Return both in one shape: dimensions of length 1 do not count."""
    outputs, targets = _two_tensors(name, outputs, targets)
    if [size for size in outputs.shape if size != 1] != [
        size for size in targets.shape if size != 1
    ]:
        raise _misfit(name, outputs, targets)
    return outputs, targets.reshape(outputs.shape)


def _misfit(name: str, outputs: object, targets: object) -> InputError:
    return InputError(
        "metric_shapes", name=name, outputs=described(outputs), targets=described(targets)
    )

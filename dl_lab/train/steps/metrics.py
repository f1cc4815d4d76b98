"""What is measured beside the loss: accuracy and the like."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from dl_lab.errors import InputError, shown
from dl_lab.train.batches.structure import described
from dl_lab.train.diagnosis.explain import check_metric, explain
from dl_lab.train.steps.accuracy import Classified, accuracy, misfit, two_tensors
from dl_lab.train.steps.observed import Count, Observed

Metric = Callable[[Any, Any], "Tensor | float"]
"""``metric(outputs, targets)`` gives one number, a mean over the batch."""
Note = Callable[[InputError, str], None]
"""Told of a problem that training does not depend on, and what it is about."""
Metrics = str | Metric | Sequence[str | Metric] | Mapping[str, str | Metric]


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


NAMES = ("accuracy", "top3", "top5", "mae", "mse")
"""The metrics that have a name; ``"top7"`` and the like work too."""


def resolve(metrics: Metrics | None) -> dict[str, Metric]:
    """Return the metrics a person asked for, under their names.

    Parameters
    ----------
    metrics
        A name from `NAMES`, a function ``metric(outputs, targets)`` that gives one number, a
        sequence of these, or a mapping from names to these.

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
        return {_checked(str(name)): _one(metric) for name, metric in metrics.items()}
    given = [metrics] if isinstance(metrics, str) or callable(metrics) else metrics
    if not isinstance(given, Sequence):
        raise InputError("not_metric", given=described(given))
    found: dict[str, Metric] = {}
    for metric in given:
        name = _name_of(metric)
        if name in found:
            raise InputError("twice", name="metrics", given=shown(name))
        found[name] = _one(metric)
    return found


def undecided(metrics: Mapping[str, Metric]) -> list[Classified]:
    """Return the metrics that have yet to read what outputs and targets are."""
    return [one for one in metrics.values() if isinstance(one, Classified) and one.undecided]


def forget(metrics: Mapping[str, Metric]) -> None:
    """Have the metrics read anew: other data come."""
    for one in metrics.values():
        if isinstance(one, Classified):
            one.forget()


def tell(metrics: Mapping[str, Metric], seen: Observed, *, here: bool) -> None:
    """Tell the metrics what the loss did with the batch that they are given next.

    Parameters
    ----------
    here
        Whether values can be read without waiting for an accelerator.
    """
    for one in metrics.values():
        if isinstance(one, Classified):
            one.checks = here
            one.seen = seen if one.undecided else None


def tried(
    name: str,
    metric: Metric,
    outputs: object,
    targets: object,
    seen: Observed,
    note: Note | None,
) -> tuple[Tensor | float, Count]:
    """Return what a metric measures and what that stands for; NaN where it fails.

    Parameters
    ----------
    name, metric, outputs, targets
        The metric's name, and what it is given.
    seen
        Of the batch.
    note
        Told why it failed, and its name: training does not depend on it. None to raise that.

    Examples
    --------
    >>> seen = Observed(None, torch.ones(2))
    >>> tried("gap", lambda o, _: o[9], "few", "few", seen, lambda why, _: print(why.key))
    metric_failed
    (nan, Count(of=2, total=False))
    """
    try:
        if isinstance(metric, Classified):
            value: Tensor | float = metric(outputs, targets)
            count = Count(metric.counted)
        else:
            with seen.entered(metric):
                value = metric(outputs, targets)
            count = seen.count(value)
        check_metric(name, value)
    except Exception as error:
        step = {"outputs": outputs, "targets": targets}
        problem = explain(error, model=None, loss=None, where="metric", name=name, **step)
        if note is None:
            raise problem from error
        note(problem, name)
        return math.nan, Count(seen.rows)
    return value, count


def _one(metric: object) -> Metric:
    if isinstance(metric, str):
        if match := re.fullmatch(r"top([1-9]\d*)", metric):
            return Classified(int(match[1]))
        if metric not in NAMES:
            raise InputError.unknown("metrics", metric, NAMES)
        plain: dict[str, Metric] = {"mae": mae, "mse": mse}
        return plain.get(metric) or Classified()
    if not callable(metric):
        raise InputError("not_metric", given=described(metric))
    if metric is accuracy:
        return Classified()
    if isinstance(metric, functools.partial) and metric.func is accuracy and not metric.args:
        return Classified(**metric.keywords)
    return metric


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


def _pairwise(name: str, outputs: object, targets: object) -> tuple[Tensor, Tensor]:
    """Return both in one shape: dimensions of length 1 do not count."""
    outputs, targets = two_tensors(name, outputs, targets)
    if [size for size in outputs.shape if size != 1] != [
        size for size in targets.shape if size != 1
    ]:
        raise misfit(name, outputs, targets)
    return outputs, targets.reshape(outputs.shape)

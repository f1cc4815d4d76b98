"""An optimizer's settings, changed while it trains."""

from __future__ import annotations

import math
from inspect import signature
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from dl_lab.errors import InputError, number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from torch.optim import Optimizer

_HIGHEST_RATE = 1e6
# What schedulers of torch keep in a group, in proportion to its learning rate.
_SCHEDULED = ("initial_lr", "max_lr", "min_lr")


def learning_rate(optimizer: Optimizer) -> float:
    """Return the learning rate of the first group.

    Examples
    --------
    >>> import torch
    >>> learning_rate(torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5))
    0.5
    """
    return float(optimizer.param_groups[0]["lr"])


def set_learning_rate(optimizer: Optimizer, rate: float, schedulers: Iterable[object] = ()) -> None:
    """Set the first group's learning rate, and change all others in the same proportion.

    Parameters
    ----------
    optimizer
        Changed at once.
    rate
        0 or more. If the present one is 0 or not finite, all groups get the same new one.
    schedulers
        Those of torch that go on from their ``base_lrs``, which change in proportion too.
    """
    before = learning_rate(optimizer)
    factor = rate / before if before and math.isfinite(before) else None
    for group in optimizer.param_groups:
        if factor is None:
            _set(group, "lr", rate)
            continue
        for name in ("lr", *_SCHEDULED):
            if name in group:
                _set(group, name, float(group[name]) * factor)
    # The product may miss the rate by a rounding.
    _set(optimizer.param_groups[0], "lr", rate)
    for scheduler in _all(schedulers):
        bases = getattr(scheduler, "base_lrs", None)
        if factor is not None and isinstance(bases, list):
            scheduler.base_lrs = [float(base) * factor for base in bases]  # type: ignore[attr-defined]  # read above


def checked(optimizer: Optimizer, settings: Mapping[str, object]) -> dict[str, Any]:
    """Return the settings if the optimizer has each and would take it, else raise.

    Raises
    ------
    InputError
        A name it does not have, with the nearest; a value of another kind, or one with which torch
        would not make such an optimizer.
    """
    names = [name for name in optimizer.param_groups[0] if name != "params"]
    result: dict[str, Any] = {}
    for name, value in settings.items():
        if name not in names:
            raise InputError.unknown("setting", name, names)
        result[name] = _checked(name, value, optimizer.param_groups[0][name])
    _try(optimizer, result)
    return result


def apply(optimizer: Optimizer, settings: Mapping[str, Any], schedulers: Iterable[object]) -> None:
    """Take on what `checked` returned: the rate in proportion, the rest in every group."""
    for name, value in settings.items():
        if name == "lr":
            set_learning_rate(optimizer, value, schedulers)
            continue
        for group in optimizer.param_groups:
            _set(group, name, value)


def _checked(name: str, value: object, present: object) -> object:
    if name == "lr":
        return number(name, value, 0, _HIGHEST_RATE)
    if isinstance(present, bool):
        if not isinstance(value, bool):
            raise InputError("yes_no", name=name, given=repr(value))
        return value
    if isinstance(present, (int, float)):
        return number(name, value, -math.inf, math.inf)
    if isinstance(present, tuple):
        parts = value if isinstance(value, (tuple, list)) else ()
        if len(parts) != len(present):
            raise InputError("numbers_many", name=name, count=len(present), given=repr(value))
        return tuple(number(name, part, -math.inf, math.inf) for part in parts)
    return value


def _try(optimizer: Optimizer, settings: Mapping[str, Any]) -> None:
    """Have torch check what it only checks when an optimizer is made."""
    kind = type(optimizer)
    if not kind.__module__.startswith("torch.optim"):
        return
    wanted = {**optimizer.param_groups[0], **settings}
    taken = {name: wanted[name] for name in signature(kind).parameters if name in wanted}
    try:
        kind(**{**taken, "params": [torch.zeros(1, requires_grad=True)]})
    except ValueError as error:
        given = ", ".join(f"{name}={value!r}" for name, value in settings.items())
        raise InputError(
            "optimizer_refuses",
            optimizer=kind.__name__,
            given=given,
            detail=str(error).rstrip("."),
        ) from error


def _set(group: dict[str, Any], name: str, value: object) -> None:
    # A rate that lies in a tensor stays there: captured graphs and compiled steps read it.
    if isinstance(group[name], Tensor) and isinstance(value, (int, float)):
        group[name].fill_(value)
    else:
        group[name] = value


def _all(schedulers: Iterable[object]) -> Iterable[object]:
    """Walk through schedulers and those they are made of."""
    for scheduler in schedulers:
        yield scheduler
        yield from _all(getattr(scheduler, "_schedulers", ()))

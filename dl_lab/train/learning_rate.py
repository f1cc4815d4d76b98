"""Learning rates, and an optimizer's other settings, read and changed while it trains."""

from __future__ import annotations

import math
from inspect import signature
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from dl_lab.errors import InputError, number, said, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from torch.optim import Optimizer

HIGHEST_RATE = 1e6
"""Nothing trains with a higher one."""

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
        0 to `HIGHEST_RATE`. If the present one is 0 or not finite, all groups get the same new one.
    schedulers
        Those of torch that go on from their ``base_lrs``, which change in proportion too.
    """
    before = learning_rate(optimizer)
    factor = rate / before if before and math.isfinite(before) else None
    names = ("lr",) if factor is None else ("lr", *_SCHEDULED)
    rates = [
        (group, name, float(group[name]))
        for group in optimizer.param_groups
        for name in names
        if name in group
    ]
    for group, name, present in rates:
        # The product may miss the rate by a rounding.
        _set(group, name, rate if factor is None or present == before else present * factor)
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
        return number(name, value, 0, HIGHEST_RATE)
    if isinstance(present, bool):
        if not isinstance(value, bool):
            raise InputError("yes_no", name=name, given=shown(value))
        return value
    if isinstance(present, (int, float)):
        return number(name, value, -math.inf, math.inf)
    if isinstance(present, tuple):
        parts = value if isinstance(value, (tuple, list)) else ()
        if len(parts) != len(present):
            raise InputError("numbers_many", name=name, count=len(present), given=shown(value))
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
        given = ", ".join(f"{name}={shown(value)}" for name, value in settings.items())
        raise InputError(
            "optimizer_refuses",
            optimizer=kind.__name__,
            given=given,
            detail=said(error).rstrip("."),
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


@runtime_checkable
class Rate(Protocol):
    """A learning rate that can be read and set."""

    def get(self) -> float | None:
        """Return it, or None where reading it would make an accelerator wait."""

    def set(self, value: float) -> None:
        """Set it between two steps."""


class OptimizerRate:
    """The learning rate of a torch optimizer: that of its first parameter group.

    Parameters
    ----------
    optimizer
        Its other groups keep their proportion to the first.
    schedulers
        Those that compute rates from their `base_lrs`, which then change alike.

    Examples
    --------
    >>> import torch
    >>> weight = torch.nn.Parameter(torch.zeros(1))
    >>> sgd = torch.optim.SGD([{"params": [weight], "lr": 0.5}], lr=0.1)
    >>> rate = OptimizerRate(sgd)
    >>> rate.set(0.25)
    >>> rate.get(), sgd.param_groups[0]["lr"]
    (0.25, 0.25)
    """

    def __init__(self, optimizer: Optimizer, schedulers: Iterable[object] = ()) -> None:
        self._optimizer = optimizer
        self._schedulers = list(schedulers)

    def get(self) -> float | None:
        """Return the first group's rate."""
        rate = self._optimizer.param_groups[0]["lr"]
        return rate if type(rate) is float else _plain(rate)

    def set(self, value: float) -> None:
        """Set the first group's rate and the others' in proportion."""
        set_learning_rate(self._optimizer, value, self._schedulers)


def _plain(rate: Any) -> float | None:  # noqa: ANN401  # int, float64 or tensor
    if isinstance(rate, Tensor) and rate.device.type != "cpu":
        return None
    return float(rate)

"""The learning rate of somebody else's optimizer, read and set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from torch import Tensor

from dl_lab.train.tune import set_learning_rate

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch.optim import Optimizer


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

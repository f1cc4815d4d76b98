"""Straight lines fitted to the same points, one of them far out, each with another cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dl_lab.theory.costs.curve import OwnCost, called
from dl_lab.theory.costs.table import COSTS, Cost, Settings

NAMES = ("MSE", "L1", "Huber", "Quantile")
STEPS = 400
_RATE = 0.3
SLOPE, NOISE, COUNT = 0.8, 0.25, 20
REACH = 3.0


@dataclass(frozen=True)
class Fits:
    """Points, and the lines that training found: intercept and slope by cost, f8 [costs, 2]."""

    x: Tensor
    y: Tensor
    lines: Tensor
    costs: Tensor
    """The mean cost of each line before each step, f8 [costs, steps]."""


def points(outlier: tuple[float, float], seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return points along a line, f8 [count + 1]; the last is the outlier.

    Examples
    --------
    >>> x, y = points((2.0, -3.0))
    >>> len(x), float(y[-1])
    (21, -3.0)
    """
    generator = torch.Generator().manual_seed(seed)
    x = torch.linspace(-2.5, 2.5, COUNT, dtype=torch.float64)
    noise = torch.randn(COUNT, generator=generator, dtype=torch.float64)
    own = torch.tensor([outlier], dtype=torch.float64)
    return torch.cat([x, own[:, 0]]), torch.cat([SLOPE * x + NOISE * noise, own[:, 1]])


def fit(
    x: Tensor,
    y: Tensor,
    settings: Settings,
    own: Mapping[str, OwnCost] | None = None,
    names: Sequence[str] = NAMES,
) -> Fits:
    """Train a line for each cost, all at once: Adam on all points, its rate falling to 0.

    Parameters
    ----------
    x, y
        The points, [n].
    settings
        What `COSTS` need: `delta` for Huber, `tau` for the quantile.
    own
        Costs of a person's own by name, fitted beside.
    names
        Those of the table.

    Raises
    ------
    InputError
        A cost of one's own fails.

    Examples
    --------
    >>> x = torch.arange(4.0, dtype=torch.float64)
    >>> fit(x, 2 * x + 1, {"delta": 1.0, "tau": 0.5}).lines.round(decimals=2)[0]
    tensor([1., 2.], dtype=torch.float64)
    """
    costs: list[Cost | OwnCost] = [*(COSTS[name] for name in names), *(own or {}).values()]
    lines = torch.zeros(len(costs), 2, dtype=torch.float64, requires_grad=True)
    # One tensor: every line has its own gradient and its own moments in it.
    adam = torch.optim.Adam([lines], lr=_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, STEPS)
    courses = []
    with torch.enable_grad():
        for _ in range(STEPS):
            predictions = lines[:, :1] + lines[:, 1:] * x
            means = torch.stack(
                [
                    (
                        one.value(row, y, settings)
                        if isinstance(one, Cost)
                        else called(one, row, y)
                    ).mean()
                    for one, row in zip(costs, predictions, strict=True)
                ]
            )
            adam.zero_grad()
            means.sum().backward()
            adam.step()
            schedule.step()
            courses.append(means.detach())
    return Fits(x, y, lines.detach(), torch.stack(courses, 1))

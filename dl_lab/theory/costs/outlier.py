"""Straight lines fitted to the same points, one of them far out, each with another cost."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from dl_lab.theory.costs.curve import OwnCost, called
from dl_lab.theory.costs.table import COSTS, Cost, Settings

NAMES = ("MSE", "L1", "Huber", "Quantile")
STEPS = 400
RATE = 0.3
SLOPE, NOISE, COUNT = 0.8, 0.25, 20
REACH = 3.0


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


class Fitting:
    """The training of a line for each cost, all at once: Adam on all points, its rate falling to 0.

    Parameters
    ----------
    x, y
        The points, [n].
    settings
        What the costs need: `delta` for Huber, `tau` for the quantile.
    own
        Costs of a person's own by name, fitted beside those of `NAMES`.
    lines
        Intercept and slope to begin with, [costs, 2]; None is 0.

    Attributes
    ----------
    lines
        As they are now, f8 [costs, 2].
    costs
        The mean cost of each before every step that was done, f8 [steps, costs].

    Raises
    ------
    InputError
        A cost of one's own fails.

    Examples
    --------
    >>> x = torch.arange(4.0, dtype=torch.float64)
    >>> fitting = Fitting(x, 2 * x + 1, {"delta": 1.0, "tau": 0.5})
    >>> fitting.advance(STEPS)
    >>> fitting.done, fitting.lines[0].round(decimals=2)
    (True, tensor([1., 2.], dtype=torch.float64))
    """

    def __init__(
        self,
        x: Tensor,
        y: Tensor,
        settings: Settings,
        own: Mapping[str, OwnCost] | None = None,
        lines: Tensor | None = None,
    ) -> None:
        self._x, self._y, self._settings = x, y, settings
        self._costs: list[Cost | OwnCost] = [COSTS[name] for name in NAMES]
        self._costs += (own or {}).values()
        begun = torch.zeros(len(self._costs), 2, dtype=torch.float64) if lines is None else lines
        # One tensor: every line has its own gradient and its own moments in it.
        self._lines = begun.clone().requires_grad_()
        self._adam = torch.optim.Adam([self._lines], lr=RATE)
        self._schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self._adam, STEPS)
        self._means: list[Tensor] = []

    @property
    def lines(self) -> Tensor:  # noqa: D102 - with the class
        return self._lines.detach().clone()

    @property
    def costs(self) -> Tensor:  # noqa: D102 - with the class
        return torch.stack(self._means)

    @property
    def done(self) -> bool:
        """Whether all `STEPS` are."""
        return len(self._means) == STEPS

    def advance(self, steps: int) -> None:
        """Do so many steps, or those that are left."""
        with torch.enable_grad():
            for _ in range(min(steps, STEPS - len(self._means))):
                predictions = self._lines[:, :1] + self._lines[:, 1:] * self._x
                each = zip(self._costs, predictions, strict=True)
                means = torch.stack([self._of(cost, row).mean() for cost, row in each])
                self._adam.zero_grad()
                means.sum().backward()  # type: ignore[no-untyped-call]  # torch leaves it so
                self._adam.step()
                self._schedule.step()
                self._means.append(means.detach())

    def _of(self, cost: Cost | OwnCost, predictions: Tensor) -> Tensor:
        if isinstance(cost, Cost):
            return cost.value(predictions, self._y, self._settings)
        return called(cost, predictions, self._y)

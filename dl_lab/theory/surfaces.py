"""Surfaces over two numbers, on which optimizers can be watched: formulas, data, one's own."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from dl_lab.errors import InputError, number, shown

Place = tuple[float, float]
Function = Callable[[Tensor], Tensor]

_GRID = 81
_SLOW_GRID = 41
_LEVELS = 14


@dataclass(frozen=True)
class Surface:
    """A loss over two numbers.

    Attributes
    ----------
    function
        From a tensor [..., 2] to one of shape [...]; a person's own takes [2] and gives one number.
    x, y
        What is shown of each of the two numbers.
    start
        Where to begin.
    minima
        Where it is lowest, as far as that is known.
    rows
        How many examples the loss is a mean over; 0 where it has no data.
    on_rows
        The mean over the examples of these numbers alone, for a single place [2].
    own
        Whether a person has given it: it may draw, and take one place alone.
    """

    function: Function
    x: Place
    y: Place
    start: Place
    minima: tuple[Place, ...] = ()
    rows: int = 0
    on_rows: Callable[[Tensor, Tensor], Tensor] | None = None
    own: bool = field(default=False, compare=False)

    def values(self, points: Tensor) -> Tensor:
        """Return the loss at each of [n, 2] places, [n], without gradients."""
        with torch.no_grad():
            if not self.own:
                return self.function(points)
            try:
                found = torch.func.vmap(self.function)(points).reshape(len(points))
            except Exception:  # noqa: BLE001  # a branch on a value, `.item()`: one by one
                found = torch.stack([self.function(point).reshape(()) for point in points])
            return found

    def grid(self) -> Tensor:
        """Return the loss on a grid of what is shown, [rows, columns], from the lowest y on."""
        count = _GRID
        if self.own and not self._takes_many():
            count = _SLOW_GRID
        x, y = (torch.linspace(*ends, count) for ends in (self.x, self.y))
        places = torch.stack([x.repeat(count), y.repeat_interleave(count)], 1)
        return self.values(places).reshape(count, count)

    def _takes_many(self) -> bool:
        two = torch.tensor([self.start, self.start], dtype=torch.float32)
        try:
            torch.func.vmap(self.function)(two)
        except Exception:  # noqa: BLE001  # whatever it raises
            return False
        return True


def levels(values: Tensor) -> list[float]:
    """Return values for contours: closer where the surface is low, each above the one before.

    Examples
    --------
    >>> [round(level, 2) for level in levels(torch.linspace(0, 1, 101))[:3]]
    [0.0, 0.02, 0.06]
    """
    finite = values[values.isfinite()].double().flatten().sort().values
    if not len(finite):
        return []
    shares = torch.linspace(0, 1, _LEVELS, dtype=torch.float64) ** 1.5
    found = torch.quantile(finite, 0.98 * shares).tolist()
    return sorted({float(value) for value in found})


def own_surface(function: Function, x: Place, y: Place, start: Place) -> Surface:
    """Check a person's own function of a tensor of two numbers, and return it as a surface.

    Raises
    ------
    InputError
        It raises, returns anything but one number, or its gradient cannot be computed at the start.
    """
    surface = Surface(function, x, y, start, own=True)
    point = torch.tensor([float(one) for one in start], requires_grad=True)
    name = getattr(function, "__name__", type(function).__name__)
    try:
        value: Any = function(point)
    except Exception as error:
        raise InputError(
            "surface_failed", name=name, kind=type(error).__name__, detail=error
        ) from error
    if not isinstance(value, Tensor) or value.numel() != 1:
        given = tuple(value.shape) if isinstance(value, Tensor) else value
        raise InputError("surface_returns", name=name, given=shown(given))
    if not value.requires_grad:
        raise InputError("surface_detached", name=name)
    if not math.isfinite(value.item()):
        raise InputError(
            "surface_nan", name=name, x=f"{start[0]:g}", y=f"{start[1]:g}", value=value.item()
        )
    return surface


def ends(name: str, given: Any, default: Place) -> Place:  # noqa: ANN401  # whatever is given
    """Return the two ends of an axis, the lower first; None is the default.

    Raises
    ------
    InputError
        It is not a pair of numbers of which the second is larger.
    """
    if given is None:
        return default
    if not isinstance(given, (tuple, list)) or len(given) != 2:  # noqa: PLR2004  # a pair
        raise InputError("ends", name=name, given=shown(given))
    low, high = (number(name, one, -1e6, 1e6) for one in given)
    if not low < high:
        raise InputError("ends", name=name, given=shown(given))
    return low, high


# Each as one would write it for a tensor of two numbers: the page shows its source.


def ravine(p: Tensor) -> Tensor:
    """Return a long valley along an axis, steep across: condition 50."""
    x, y = p[..., 0], p[..., 1]
    return (x**2 + 50 * y**2) / 2


def turned(p: Tensor) -> Tensor:
    """Return the same valley turned by 45 degrees."""
    u, v = (p[..., 0] + p[..., 1]) / 2**0.5, (p[..., 0] - p[..., 1]) / 2**0.5
    return (u**2 + 50 * v**2) / 2


def distill(p: Tensor) -> Tensor:
    """Return the quadratic of "Why Momentum Really Works" (Goh 2017)."""
    x, y = p[..., 0], p[..., 1]
    return (1 - x) ** 2 + 20 * (3 * y - x) ** 2


def rosenbrock(p: Tensor) -> Tensor:
    """Return Rosenbrock's curved valley."""
    x, y = p[..., 0], p[..., 1]
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


def beale(p: Tensor) -> Tensor:
    """Return Beale's plain with steep corners."""
    x, y = p[..., 0], p[..., 1]
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


def himmelblau(p: Tensor) -> Tensor:
    """Return Himmelblau's four equal minima."""
    x, y = p[..., 0], p[..., 1]
    return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


def saddle(p: Tensor) -> Tensor:
    """Return a saddle, without a minimum."""
    x, y = p[..., 0], p[..., 1]
    return x**2 - y**2


def monkey(p: Tensor) -> Tensor:
    """Return a monkey saddle: three ways down."""
    x, y = p[..., 0], p[..., 1]
    return x**3 - 3 * x * y**2


def camel(p: Tensor) -> Tensor:
    """Return the three-hump camel: two local minima beside the lowest."""
    x, y = p[..., 0], p[..., 1]
    return 2 * x**2 - 1.05 * x**4 + x**6 / 6 + x * y + y**2


def plateau(p: Tensor) -> Tensor:
    """Return a hole in a plain where the gradient is almost nothing."""
    r2 = (p**2).sum(-1)
    return 1 - torch.exp(-r2 / 2) + 0.001 * r2


def ackley(p: Tensor) -> Tensor:
    """Return Ackley's funnel with dents."""
    x, y = p[..., 0], p[..., 1]
    funnel = -20 * torch.exp(-0.2 * ((x**2 + y**2) / 2 + 1e-12).sqrt())
    dents = torch.exp((torch.cos(2 * torch.pi * x) + torch.cos(2 * torch.pi * y)) / 2)
    return funnel - dents + 20 + torch.e


def rastrigin(p: Tensor) -> Tensor:
    """Return Rastrigin's bowl of many minima."""
    return (p**2 - 10 * torch.cos(2 * torch.pi * p) + 10).sum(-1)


def _fit() -> Surface:
    """Return the squared error of a line y = a·x + b through 64 noisy points."""
    draw = torch.Generator().manual_seed(0)
    x = 4 * torch.rand(64, generator=draw)
    y = 1.5 * x - 0.5 + 0.5 * torch.randn(64, generator=draw)

    def on_rows(p: Tensor, rows: Tensor) -> Tensor:
        return (p[..., :1] * x[rows] + p[..., 1:] - y[rows]).square().mean(-1)

    every = torch.arange(64)
    best = torch.linalg.lstsq(torch.stack([x, torch.ones(64)], 1), y[:, None]).solution.flatten()
    return Surface(
        lambda p: on_rows(p, every),
        (-0.5, 3.5),
        (-4.0, 3.0),
        (0.0, 2.0),
        ((float(best[0]), float(best[1])),),
        rows=64,
        on_rows=on_rows,
    )


_MINIMA = ((3.0, 2.0), (-2.805118, 3.131312), (-3.779310, -3.283186), (3.584428, -1.848126))
SURFACES: dict[str, Callable[[], Surface]] = {
    "ravine": lambda: Surface(ravine, (-5, 5), (-2.5, 2.5), (-4, 1), ((0, 0),)),
    "turned": lambda: Surface(turned, (-5, 5), (-5, 5), (-2.12, -3.54), ((0, 0),)),
    "distill": lambda: Surface(distill, (-2, 2), (-0.27, 1.07), (-1.21, 0.853), ((1, 1 / 3),)),
    "rosenbrock": lambda: Surface(rosenbrock, (-2, 2), (-1, 3), (-1.5, 2), ((1, 1),)),
    "beale": lambda: Surface(beale, (-4.5, 4.5), (-4.5, 4.5), (1, 1.5), ((3, 0.5),)),
    "himmelblau": lambda: Surface(himmelblau, (-6, 6), (-6, 6), (0, -1), _MINIMA),
    "saddle": lambda: Surface(saddle, (-1.5, 1.5), (-1.5, 1.5), (1, 0.001)),
    "monkey": lambda: Surface(monkey, (-1.5, 1.5), (-1.5, 1.5), (1, 0.001)),
    "camel": lambda: Surface(camel, (-2, 2), (-2, 2), (-1.8, 1.5), ((0, 0),)),
    "plateau": lambda: Surface(plateau, (-4, 4), (-4, 4), (3, 3), ((0, 0),)),
    "ackley": lambda: Surface(ackley, (-4, 4), (-4, 4), (-2.6, 3.1), ((0, 0),)),
    "rastrigin": lambda: Surface(rastrigin, (-4, 4), (-4, 4), (2.4, -3.2), ((0, 0),)),
    "fit": _fit,
}
"""What makes each surface, by its name."""

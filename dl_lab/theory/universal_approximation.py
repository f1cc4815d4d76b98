"""What one hidden layer can approximate: steps, bumps and towers by hand, and by training.

After M. Nielsen's "Neural Networks and Deep Learning", chapter 4,
http://neuralnetworksanddeeplearning.com/chap4.html: two neurons with large weights make a bump, and
enough bumps come as near to any continuous function as one likes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dl_lab.errors import InputError, shown

POINTS = 201
"""Places at which a function of one number is compared."""

SIDE = 31
"""Places along each side at which a function of two numbers is compared."""

SIZES = (1, 2, 4, 8, 16, 32, 64)
"""Numbers of neurons that are trained beside the chosen one, for the curve of their errors."""

BETAS = (0.9, 0.999)
"""How much Adam keeps of its two averages in a step."""

TOWER = 10.0
"""Weight of the second layer's neurons, which make a tower where two bumps cross."""

ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "relu": torch.relu,
}


@dataclass(frozen=True)
class Target:
    """What is to be approximated, at places within the unit interval or square.

    Attributes
    ----------
    x
        Places, [n, 1] or [n, 2], from 0 to 1; of two, the second runs fastest.
    y
        Values there, [n].
    low, high
        What 0 and 1 stand for, for each dimension.
    points
        Whether these are a person's own places; else they are those of `grid`.
    """

    x: Tensor
    y: Tensor
    low: tuple[float, ...] = (0.0,)
    high: tuple[float, ...] = (1.0,)
    points: bool = False

    @property
    def dimensions(self) -> int:
        """Of the places: 1 or 2."""
        return self.x.shape[1]

    @property
    def ends(self) -> tuple[float, float]:
        """The smallest and the largest value, 1 apart where they are the same."""
        low, high = float(self.y.min()), float(self.y.max())
        return (low, high) if high > low else (low - 0.5, low + 0.5)


def _nielsen(x: Tensor) -> Tensor:
    return 0.2 + 0.4 * x**2 + 0.3 * x * torch.sin(15 * x) + 0.05 * torch.cos(50 * x)  # his example


def _hill(x: Tensor, y: Tensor) -> Tensor:
    return torch.exp(-20 * ((x - 0.35) ** 2 + (y - 0.6) ** 2)) + 0.6 * torch.exp(
        -40 * ((x - 0.75) ** 2 + (y - 0.3) ** 2)
    )


FUNCTIONS: Mapping[str, Callable[..., Tensor]] = {
    "nielsen": _nielsen,
    "sine": lambda x: 0.5 + 0.4 * torch.sin(2 * torch.pi * x),
    "jump": lambda x: 0.2 + 0.6 * torch.heaviside(x - 0.5, torch.ones(())),
    "hills": _hill,
    "waves": lambda x, y: 0.5 + 0.4 * torch.sin(6 * x) * torch.cos(6 * y),
}
"""Targets by name; those of two arguments are surfaces."""

SURFACES = ("hills", "waves")


def grid(dimensions: int) -> Tensor:
    """Return the places at which a target is drawn: [201, 1], or [961, 2].

    Examples
    --------
    >>> grid(1).shape, grid(2)[1]
    (torch.Size([201, 1]), tensor([0.0000, 0.0333]))
    """
    if dimensions == 1:
        return torch.linspace(0, 1, POINTS)[:, None]
    side = torch.linspace(0, 1, SIDE)
    return torch.cartesian_prod(side, side)


def target_of(
    function: Callable[..., Tensor], dimensions: int, low: Sequence[float], high: Sequence[float]
) -> Target:
    """Evaluate a function of one or two tensors all over its domain.

    Raises
    ------
    InputError
        It fails, or does not return one finite number for each place.

    Examples
    --------
    >>> target_of(torch.square, 1, [-3.0], [3.0]).ends
    (0.0, 9.0)
    """
    places = grid(dimensions)
    ends = torch.tensor([low, high])
    real = ends[0] + places * (ends[1] - ends[0])
    try:
        given = function(*real.T)
        y = torch.as_tensor(given, dtype=torch.float32).detach().cpu()
    except Exception as error:
        kind = type(error).__name__
        raise InputError("target_raised", kind=kind, detail=str(error)) from error
    if y.numel() != len(places) and y.numel() != 1:
        raise InputError("target_shape", given=tuple(y.shape), count=len(places))
    y = y.flatten().expand(len(places)).clone()
    if not bool(y.isfinite().all()):
        where = real[int((~y.isfinite()).nonzero()[0])].tolist()
        raise InputError("target_infinite", place=", ".join(f"{one:g}" for one in where))
    return Target(places, y, tuple(low), tuple(high))


def target_through(x: object, y: object) -> Target:
    """Take points as the target: places [n] or [n, 2], values [n].

    Raises
    ------
    InputError
        They are not as many of each, not finite, or fewer than two.

    Examples
    --------
    >>> through = target_through([0, 5, 10], [1, 2, 1])
    >>> through.x.flatten().tolist(), through.high
    ([0.0, 0.5, 1.0], (10.0,))
    """
    try:
        places = torch.as_tensor(x, dtype=torch.float32).detach().cpu()
        values = torch.as_tensor(y, dtype=torch.float32).detach().cpu().flatten()
    except Exception:  # noqa: BLE001 - whatever they are, they are not numbers
        raise InputError("points_kind", given=shown(x)) from None
    places = places[:, None] if places.ndim == 1 else places
    fits = places.ndim == 2 and places.shape[1] in {1, 2} and len(places) == len(values)  # noqa: PLR2004
    if not fits or len(values) < 2 or len(values) > 10_000:  # noqa: PLR2004
        raise InputError("points_shape", x=tuple(places.shape), y=tuple(values.shape))
    if not bool(places.isfinite().all()) or not bool(values.isfinite().all()):
        raise InputError("points_infinite")
    low, high = places.min(0).values, places.max(0).values
    span = torch.where(high > low, high - low, torch.ones_like(high))
    order = places[:, 0].argsort() if places.shape[1] == 1 else torch.arange(len(places))
    scaled = ((places - low) / span)[order]
    ends = tuple(low.tolist()), tuple((low + span).tolist())
    return Target(scaled, values[order], *ends, points=True)


def neuron(x: Tensor, weight: float, bias: float) -> Tensor:
    """Return what one sigmoid neuron answers; with a large weight a step at -bias / weight.

    Examples
    --------
    >>> neuron(torch.tensor([0.4, 0.6]), 100.0, -50.0)
    tensor([4.5398e-05, 9.9995e-01])
    """
    return torch.sigmoid(weight * x + bias)


def bump(x: Tensor, left: Tensor | float, right: Tensor | float, weight: float) -> Tensor:
    """Return the difference of two neurons: about 1 between two steps, about 0 elsewhere.

    Examples
    --------
    >>> bump(torch.tensor([0.3, 0.5]), 0.4, 0.6, 1000.0)
    tensor([0., 1.])
    """
    return torch.sigmoid(weight * (x - left)) - torch.sigmoid(weight * (x - right))


def bumps(x: Tensor, heights: Tensor, weight: float) -> Tensor:
    """Return what bumps side by side add up to, each as high as it is: [n, 1] → [n].

    Examples
    --------
    >>> bumps(torch.tensor([[0.25], [0.75]]), torch.tensor([1.0, 3.0]), 1000.0)
    tensor([1., 3.])
    """
    edges = torch.linspace(0, 1, len(heights) + 1)
    edges[0], edges[-1] = -1, 2  # the outer ones have no end within
    return bump(x, edges[:-1], edges[1:], weight) @ heights


def towers(x: Tensor, heights: Tensor, weight: float) -> Tensor:
    """Return what towers on a grid add up to: [n, 2] and heights [side, side] → [n].

    A tower is a neuron of a second layer that adds up a bump along each dimension, and answers only
    where both are.

    Examples
    --------
    >>> corners = torch.tensor([[0.1, 0.1], [0.1, 0.9]])
    >>> towers(corners, torch.tensor([[1.0, 0.0], [0.0, 0.0]]), 1000.0)
    tensor([0.9933, 0.0067])
    """
    side = len(heights)
    edges = torch.linspace(0, 1, side + 1)
    edges[0], edges[-1] = -1, 2
    across, along = (bump(x[:, i : i + 1], edges[:-1], edges[1:], weight) for i in (0, 1))
    both = torch.sigmoid(TOWER * (across[:, :, None] + along[:, None, :] - 1.5))
    return both.flatten(1) @ heights.flatten()


def best_heights(target: Target, side: int) -> Tensor:
    """Return for each bump [side], or tower [side, side], the mean of the target within it.

    Examples
    --------
    >>> best_heights(target_through([0, 1, 2, 3], [1, 3, 5, 7]), 2)
    tensor([2., 6.])
    """
    cells = (target.x * side).long().clamp(0, side - 1)
    flat = cells[:, 0] if target.dimensions == 1 else cells[:, 0] * side + cells[:, 1]
    count = side**target.dimensions
    sums = torch.zeros(count).index_add(0, flat, target.y)
    within = torch.zeros(count).index_add(0, flat, torch.ones_like(target.y))
    heights = torch.where(within > 0, sums / within.clamp(min=1), target.y.mean())
    return heights.reshape((side,) * target.dimensions)


def error_of(output: Tensor, target: Target) -> float:
    """Return the mean absolute difference."""
    return float((output - target.y).abs().mean())


class Learner:
    """Networks of one hidden layer and several sizes, trained at once as one tensor.

    Adam treats each number by itself, so that each network goes its way as if it were alone.

    Parameters
    ----------
    target
        What they learn.
    neurons
        Hidden neurons of the network that is looked at; those of `SIZES` are trained beside it.
    activation
        A name in `ACTIVATIONS`.
    rate
        Adam's learning rate.
    seed
        Of the first weights.
    """

    def __init__(
        self, target: Target, neurons: int, activation: str, rate: float, seed: int = 0
    ) -> None:
        self.target = target
        self.sizes = (neurons, *SIZES)
        self.steps = 0
        self._activation = ACTIVATIONS[activation]
        low, high = target.ends
        self._middle, self._half = (low + high) / 2, (high - low) / 2
        self._inputs = 2 * target.x - 1
        self._outputs = (target.y - self._middle) / self._half
        largest = max(self.sizes)
        draw = torch.Generator().manual_seed(seed)
        shape = (len(self.sizes), target.dimensions, largest)
        within = torch.arange(largest) < torch.tensor(self.sizes)[:, None]
        # Slopes of several sizes, each with its middle somewhere within the domain.
        slopes = 4 * torch.randn(shape, generator=draw)
        middles = 2 * torch.rand(shape, generator=draw) - 1
        biases = -(slopes * middles).sum(1)
        scale = torch.tensor(self.sizes).float().rsqrt()[:, None]
        outer = scale * torch.randn(len(self.sizes), largest, generator=draw) * within
        self.parameters = [
            one.requires_grad_() for one in (slopes, biases, outer, torch.zeros(len(self.sizes), 1))
        ]
        self._within = within
        self._rate = rate
        self._first = [torch.zeros_like(one) for one in self.parameters]
        self._second = [torch.zeros_like(one) for one in self.parameters]

    def train(self, steps: int) -> None:
        """Do steps on all points at once."""
        for _ in range(steps):
            loss = ((self._answers(self._inputs) - self._outputs) ** 2).mean(1).sum()
            self.steps += 1
            self._update(torch.autograd.grad(loss, self.parameters))

    @torch.no_grad()
    def _update(self, gradients: Sequence[Tensor]) -> None:
        """Do what `torch.optim.Adam` does, whose first step takes seconds to load the compiler."""
        one, two = 1 - BETAS[0] ** self.steps, 1 - BETAS[1] ** self.steps
        states = zip(self.parameters, gradients, self._first, self._second, strict=True)
        for parameter, gradient, first, second in states:
            first.lerp_(gradient, 1 - BETAS[0])
            second.mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
            parameter.addcdiv_(first, (second / two).sqrt_().add_(1e-8), value=-self._rate / one)

    def output(self, x: Tensor) -> Tensor:
        """Return what the network that is looked at answers, [n]."""
        with torch.no_grad():
            return self._middle + self._half * self._answers(2 * x - 1, first=True)[0]

    def errors(self) -> list[float]:
        """Return the mean absolute difference of each network, by `sizes`."""
        with torch.no_grad():
            answers = self._answers(self._inputs)
            return [self._half * float(one) for one in (answers - self._outputs).abs().mean(1)]

    def _answers(self, inputs: Tensor, *, first: bool = False) -> Tensor:
        slopes, biases, outer, last = (one[:1] if first else one for one in self.parameters)
        hidden = self._activation(inputs @ slopes + biases[:, None, :])
        weights = outer * self._within[: len(outer)]
        return (hidden @ weights[:, :, None]).squeeze(2) + last

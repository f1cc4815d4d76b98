"""The six point sets of TensorFlow Playground, by its own formulas."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from dl_lab.errors import InputError, number, whole

if TYPE_CHECKING:
    from collections.abc import Callable

DATA_SETS = {
    "classification": ("circle", "xor", "gauss", "spiral"),
    "regression": ("plane", "gauss"),
}
"""The names that `toy` knows, for each problem."""

NOISE = (0.0, 50.0)
TRAIN_RATIO = (0.1, 0.9)

_COUNTS = {"classification": 500, "regression": 1200}
_RADIUS = 5.0

Points = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class ToyData:
    """One drawn point set, split into training and test points.

    Attributes
    ----------
    name, problem
        What was drawn, as in `DATA_SETS`.
    train, test
        Each ``(points [n, 2] float32, targets [n] float32)``; targets are -1 or 1 for
        classification, real numbers from -1 to 1 or a little beyond for regression.
    """

    name: str
    problem: str
    train: Points
    test: Points


def toy(
    name: str = "circle",
    problem: str = "classification",
    *,
    noise: float = 0,
    train_ratio: float = 0.5,
    seed: int = 0,
) -> ToyData:
    """Draw one of TensorFlow Playground's point sets.

    Parameters
    ----------
    name
        One of `DATA_SETS[problem]`.
    problem
        ``"classification"`` (500 points) or ``"regression"`` (1200 points).
    noise
        Percent, 0 to 50. It moves the points of gauss and spiral, elsewhere only their labels.
    train_ratio
        Share of the points to train on, 0.1 to 0.9.
    seed
        Same seed, same points, on any machine; the global random state is left alone.

    Returns
    -------
    ToyData
        Points in [-6, 6]² (gauss and spiral may lie outside), shuffled once.

    Raises
    ------
    InputError
        An unknown name, or a number out of range.

    Notes
    -----
    Source: ``src/dataset.ts`` of https://github.com/tensorflow/playground.

    Examples
    --------
    >>> points, targets = toy("spiral", noise=10).train
    >>> points.shape, targets.shape
    (torch.Size([250, 2]), torch.Size([250]))
    """
    if problem not in DATA_SETS:
        raise InputError.unknown("problem", problem, DATA_SETS)
    if name not in DATA_SETS[problem]:
        raise InputError.unknown("data", name, DATA_SETS[problem])
    share = number("noise", noise, *NOISE) / 100
    ratio = number("train_ratio", train_ratio, *TRAIN_RATIO)
    generator = torch.Generator().manual_seed(whole("seed", seed, 0, 2**63 - 1))

    count = _COUNTS[problem]
    draws = torch.rand(count, 4, generator=generator, dtype=torch.float64)
    points, targets = _GENERATORS[problem, name](draws, share)
    # A Fisher-Yates shuffle gives each order the same chance, and so does randperm.
    order = torch.randperm(count, generator=generator)
    points, targets = points[order].float(), targets[order].float()
    # The nudge keeps 0.29 · 500 at 145, where floating point has 144.99999999999997.
    split = math.floor(count * ratio + 1e-9)
    return ToyData(
        name,
        problem,
        (points[:split].clone(), targets[:split].clone()),
        (points[split:].clone(), targets[split:].clone()),
    )


# Each generator takes draws U(0, 1) [n, 4] and the noise 0 to 0.5: columns 0 and 1 place a
# point, columns 2 and 3 shift it for the noise.


def _circle(draws: Tensor, noise: float) -> Points:
    inner = torch.arange(len(draws)) < len(draws) // 2
    radius = _RADIUS * torch.where(inner, 0.5 * draws[:, 0], 0.7 + 0.3 * draws[:, 0])
    angle = 2 * math.pi * draws[:, 1]
    points = torch.stack([radius * angle.sin(), radius * angle.cos()], dim=1)
    distance = (points + noise * _uniform(draws[:, 2:], _RADIUS)).norm(dim=1)
    return points, _signs(distance < _RADIUS / 2)


def _xor(draws: Tensor, noise: float) -> Points:
    points = _uniform(draws[:, :2], 5)
    points = points + torch.where(points > 0, 0.3, -0.3)
    shifted = points + noise * _uniform(draws[:, 2:], 5)
    return points, _signs(shifted.prod(dim=1) >= 0)


def _gauss(draws: Tensor, noise: float) -> Points:
    # Box-Muller; 1 - u lies in (0, 1], where the logarithm is finite.
    length = (-2 * (1 - draws[:, 0]).log()).sqrt()
    angle = 2 * math.pi * draws[:, 1]
    normal = length[:, None] * torch.stack([angle.cos(), angle.sin()], dim=1)
    targets = _signs(torch.arange(len(draws)) < len(draws) // 2)
    return 2 * targets[:, None] + math.sqrt(0.5 + 7 * noise) * normal, targets


def _spiral(draws: Tensor, noise: float) -> Points:
    half = len(draws) // 2
    turn = torch.arange(half, dtype=torch.float64).repeat(2) / half
    targets = _signs(torch.arange(len(draws)) < half)
    angle = 1.75 * 2 * math.pi * turn + torch.where(targets > 0, 0.0, math.pi)
    arm = 5 * turn[:, None] * torch.stack([angle.sin(), angle.cos()], dim=1)
    return arm + noise * _uniform(draws[:, :2], 1), targets


def _plane(draws: Tensor, noise: float) -> Points:
    points = _uniform(draws[:, :2], 6)
    shifted = points + noise * _uniform(draws[:, 2:], 6)
    return points, shifted.sum(dim=1) / 10


def _hills(draws: Tensor, noise: float) -> Points:
    points = _uniform(draws[:, :2], 6)
    shifted = points + noise * _uniform(draws[:, 2:], 6)
    centres = torch.tensor([[x, y] for y in (2.5, -2.5) for x in (-4, 0, 4)], dtype=torch.float64)
    signs = torch.tensor([1, -1, 1, -1, 1, -1], dtype=torch.float64)
    heights = signs * (1 - torch.cdist(shifted, centres) / 2).clamp(0, 1)
    largest = heights.abs().argmax(dim=1, keepdim=True)
    return points, heights.gather(1, largest).squeeze(1)


def _uniform(draws: Tensor, limit: float) -> Tensor:
    return limit * (2 * draws - 1)


def _signs(positive: Tensor) -> Tensor:
    return 2 * positive.double() - 1


_GENERATORS: dict[tuple[str, str], Callable[[Tensor, float], Points]] = {
    ("classification", "circle"): _circle,
    ("classification", "xor"): _xor,
    ("classification", "gauss"): _gauss,
    ("classification", "spiral"): _spiral,
    ("regression", "plane"): _plane,
    ("regression", "gauss"): _hills,
}

"""Costs that compare points of a plane: what belongs together near, the rest apart by a margin."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

Place = tuple[float, float]


@dataclass(frozen=True)
class PairCost:
    """A cost of anchor, positive and negative, [1, 2] each, and a margin."""

    value: Callable[[Tensor, Tensor, Tensor, float], Tensor]
    formula: str
    line: str


def _triplet(anchor: Tensor, positive: Tensor, negative: Tensor, margin: float) -> Tensor:
    return functional.triplet_margin_loss(anchor, positive, negative, margin=margin)


def _distances(anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
    near = functional.pairwise_distance(anchor, positive)
    return torch.cat([near, functional.pairwise_distance(anchor, negative)])


def _contrastive(anchor: Tensor, positive: Tensor, negative: Tensor, margin: float) -> Tensor:
    return functional.hinge_embedding_loss(
        _distances(anchor, positive, negative),
        torch.tensor([1.0, -1.0]),
        margin=margin,
        reduction="sum",
    )


def _cosine(anchor: Tensor, positive: Tensor, negative: Tensor, margin: float) -> Tensor:
    return functional.cosine_embedding_loss(
        torch.cat([anchor, anchor]),
        torch.cat([positive, negative]),
        torch.tensor([1.0, -1.0]),
        margin=min(margin, 1.0),
        reduction="sum",
    )


def _ranking(anchor: Tensor, positive: Tensor, negative: Tensor, margin: float) -> Tensor:
    distances = _distances(anchor, positive, negative)
    # The score of a point is how near it is; the positive one should rank higher.
    return functional.margin_ranking_loss(
        -distances[:1], -distances[1:], torch.ones(1), margin=margin
    )


_DISTANCES = r"\quad d_p = \lVert a - p \rVert, d_n = \lVert a - n \rVert"

PAIR_COSTS: Mapping[str, PairCost] = {
    "TripletMargin": PairCost(
        _triplet,
        r"\max(0, d_p - d_n + \val{margin})" + _DISTANCES,
        "F.triplet_margin_loss(a, p, n, margin={margin})",
    ),
    "HingeEmbedding": PairCost(
        _contrastive,
        r"d_p + \max(0, \val{margin} - d_n)" + _DISTANCES,
        "F.hinge_embedding_loss(d, torch.tensor([1, -1]), margin={margin}, reduction='sum')",
    ),
    "CosineEmbedding": PairCost(
        _cosine,
        r"1 - \cos(a, p) + \max(0, \cos(a, n) - \val{cosine})",
        "F.cosine_embedding_loss(aa, pn, torch.tensor([1, -1]), margin={cosine}, reduction='sum')",
    ),
    "MarginRanking": PairCost(
        _ranking,
        r"\max(0, -(s_p - s_n) + \val{margin}) \quad s = -d",
        "F.margin_ranking_loss(-d_p, -d_n, torch.ones(1), margin={margin})",
    ),
}


@dataclass(frozen=True)
class PairPull:
    """A cost, and its gradient by anchor, positive and negative: f8 [3, 2]."""

    value: float
    gradient: Tensor


def pair_pull(name: str, places: tuple[Place, Place, Place], margin: float) -> PairPull:
    """Return a cost of `PAIR_COSTS` of anchor, positive and negative.

    Examples
    --------
    >>> found = pair_pull("TripletMargin", ((0, 0), (1, 0), (1.5, 0)), 1.0)
    >>> round(found.value, 4), round(float(found.gradient[1, 0]), 4)
    (0.5, 1.0)
    """
    points = torch.tensor(places, dtype=torch.float64, requires_grad=True)
    with torch.enable_grad():
        value = PAIR_COSTS[name].value(points[:1], points[1:2], points[2:], margin).sum()
        (gradient,) = torch.autograd.grad(value, points)
    return PairPull(float(value.detach()), gradient)

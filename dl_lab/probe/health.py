"""Signs of trouble in a network: units that never answer, gradients that fade away."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dl_lab.probe.formula import kinds
from dl_lab.probe.formula.operation import operation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from dl_lab.probe.capture import Capture

FADED = 1e-3
"""Share of the largest gradient norm below which a layer's gradient counts as vanishing."""

_GATES = frozenset({"relu", "relu6", "hardtanh", "hardswish", "hardsigmoid", "leaky_relu"})


@dataclass(frozen=True)
class Health:
    """How a layer fares.

    Attributes
    ----------
    zeros
        Share of zeros among its answers, over all rows; None for layers without a gate such as
        ReLU.
    dead
        Units that answered 0 at every position of every row.
    gradient
        Norm of the gradient by its answers, the mean over the rows; None where none is known.
    vanishing
        Whether that is less than `FADED` of the network's largest.
    """

    zeros: float | None
    dead: tuple[int, ...]
    gradient: float | None
    vanishing: bool


def health(seen: Capture, gradients: Sequence[Tensor | None] | None = None) -> list[Health]:
    """Look for dead units and vanishing gradients.

    Parameters
    ----------
    seen
        The more rows were captured, the surer: a unit that no row of eight wakes may wake for the
        ninth.
    gradients
        From `layer_gradients`.

    Returns
    -------
    list of Health
        One for each layer.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from dl_lab.probe.capture import capture
    >>> net = nn.Sequential(nn.Linear(1, 2), nn.ReLU())
    >>> _ = nn.init.constant_(net[0].weight, 1.0), nn.init.constant_(net[0].bias, 0.0)
    >>> with torch.no_grad():
    ...     net[0].bias[1] = -9.0
    >>> health(capture(net, torch.rand(8, 1)))[1]
    Health(zeros=0.5, dead=(1,), gradient=None, vanishing=False)
    """
    norms = _norms(gradients or [None] * len(seen.layers))
    largest = max((norm for norm in norms if norm is not None), default=0.0)
    found = []
    for layer, norm in zip(seen.layers, norms, strict=True):
        known = operation(layer)
        zeros: float | None = None
        dead: tuple[int, ...] = ()
        gate = known if isinstance(known, kinds.Pointwise) else getattr(known, "then", None)
        answers = layer.answers
        if isinstance(gate, kinds.Pointwise) and gate.name in _GATES and answers is not None:
            zeros, dead = _zeros(answers)
        faded = norm is not None and largest > 0 and norm < FADED * largest
        found.append(Health(zeros, dead, norm, faded))
    return found


def _norms(gradients: Sequence[Tensor | None]) -> list[float | None]:
    return [
        None
        if one is None
        else float(one.detach().float().flatten().norm()) / math.sqrt(max(1, len(one)))
        for one in gradients
    ]


def _zeros(output: Tensor) -> tuple[float, tuple[int, ...]]:
    silent = output == 0
    units = silent.movedim(1, 0).flatten(1) if output.ndim > 1 else silent[:, None]
    shares = units.float().mean(1)
    return float(shares.mean()), tuple((shares == 1).nonzero().flatten().tolist())

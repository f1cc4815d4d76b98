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
    from dl_lab.probe.layer import Layer

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
    tally = Tally()
    tally.add(seen, gradients or [None] * len(seen.layers))
    return tally.health()


class Tally:
    """Signs of trouble, counted over several passes of other rows."""

    def __init__(self) -> None:
        self._layers: dict[tuple[str, int], _Count] = {}

    def add(self, seen: Capture, gradients: Sequence[Tensor | None]) -> None:
        """Count the rows of a pass; of layers that the first pass did not have, nothing."""
        if not self._layers:
            self._layers = {(layer.name, layer.call): _Count() for layer in seen.layers}
        for layer, gradient in zip(seen.layers, gradients, strict=True):
            count = self._layers.get((layer.name, layer.call))
            if count is not None:
                count.add(layer, gradient)

    def health(self) -> list[Health]:
        """Return how each layer fares, by all rows counted."""
        norms = [count.norm for count in self._layers.values()]
        largest = max((norm for norm in norms if norm is not None), default=0.0)
        return [
            count.health(norm is not None and largest > 0 and norm < FADED * largest)
            for count, norm in zip(self._layers.values(), norms, strict=True)
        ]


class _Count:
    def __init__(self) -> None:
        self._silent: Tensor | None = None
        """Of each unit how often it answered 0."""
        self._answers = 0
        self._squares: float | None = None
        self._rows = 0

    def add(self, layer: Layer, gradient: Tensor | None) -> None:
        known = operation(layer)
        gate = known if isinstance(known, kinds.Pointwise) else getattr(known, "then", None)
        answers = layer.answers
        if isinstance(gate, kinds.Pointwise) and gate.name in _GATES and answers is not None:
            silent = answers == 0
            units = silent.movedim(1, 0).flatten(1) if answers.ndim > 1 else silent[:, None]
            found = units.sum(1)
            if self._silent is None or self._silent.shape == found.shape:
                self._silent = found if self._silent is None else self._silent + found
                self._answers += units.shape[1]
        if gradient is not None:
            self._squares = (self._squares or 0.0) + float(gradient.detach().float().square().sum())
            self._rows += max(1, gradient.size(0) if gradient.ndim else 1)

    @property
    def norm(self) -> float | None:
        """The gradient's, the mean over the rows."""
        return None if self._squares is None else math.sqrt(self._squares / self._rows)

    def health(self, vanishing: bool) -> Health:  # one of its fields
        if self._silent is None:
            return Health(None, (), self.norm, vanishing)
        shares = self._silent.float() / max(1, self._answers)
        dead = (self._silent == self._answers).nonzero().flatten().tolist()
        return Health(float(shares.mean()), tuple(dead), self.norm, vanishing)

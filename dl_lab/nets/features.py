"""Inputs that a person can choose: simple functions of a point's two coordinates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from dl_lab.errors import InputError, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_FORMULAS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "x": lambda x, _y: x,
    "y": lambda _x, y: y,
    "x2": lambda x, _y: x * x,
    "y2": lambda _x, y: y * y,
    "xy": lambda x, y: x * y,
    "sin_x": lambda x, _y: x.sin(),
    "sin_y": lambda _x, y: y.sin(),
}

FEATURES = tuple(_FORMULAS)
"""The names that `PointFeatures` knows, in the order TensorFlow Playground shows them."""


class PointFeatures(nn.Module):
    """Turn points [n, 2] into features [n, k]; no parameters.

    Parameters
    ----------
    names
        Some of `FEATURES`, each at most once, in any order.

    Raises
    ------
    InputError
        An unknown name, a name given twice, or none at all.

    Examples
    --------
    >>> PointFeatures(["x", "xy"])(torch.tensor([[2.0, 3.0]]))
    tensor([[2., 6.]])
    """

    pure = True
    """Same points, same features: what it gives may be kept (read by ``probe.dense_layers``)."""

    def __init__(self, names: Iterable[str] = ("x", "y")) -> None:
        super().__init__()
        self.names = tuple(names)
        if not self.names:
            raise InputError("some", name="features", allowed=", ".join(FEATURES))
        for name in self.names:
            if name not in FEATURES:
                raise InputError.unknown("features", name, FEATURES)
            if self.names.count(name) > 1:
                raise InputError("twice", name="features", given=shown(name))

    def forward(self, points: Tensor) -> Tensor:
        """Compute the features.

        Parameters
        ----------
        points
            [n, 2]: a column x, a column y.
        """
        x, y = points.unbind(dim=1)
        return torch.stack([_FORMULAS[name](x, y) for name in self.names], dim=1)

    def extra_repr(self) -> str:
        """Show the names in ``print(model)``."""
        return ", ".join(self.names)

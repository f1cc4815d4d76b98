"""Functions of each value alone, by torch's names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional

from dl_lab.probe.formula.kinds import Pointwise

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

POINTWISE: dict[str, tuple[Callable[..., Tensor], dict[str, str]]] = {
    # torch's name → the function and its settings: argument → attribute of the module
    "relu": (functional.relu, {}),
    "relu6": (functional.relu6, {}),
    "leaky_relu": (functional.leaky_relu, {"negative_slope": "negative_slope"}),
    "elu": (functional.elu, {"alpha": "alpha"}),
    "celu": (functional.celu, {"alpha": "alpha"}),
    "selu": (functional.selu, {}),
    "gelu": (functional.gelu, {"approximate": "approximate"}),
    "silu": (functional.silu, {}),
    "mish": (functional.mish, {}),
    "sigmoid": (torch.sigmoid, {}),
    "tanh": (torch.tanh, {}),
    "softplus": (functional.softplus, {"beta": "beta", "threshold": "threshold"}),
    "softsign": (functional.softsign, {}),
    "hardtanh": (functional.hardtanh, {"min_val": "min_val", "max_val": "max_val"}),
    "hardsigmoid": (functional.hardsigmoid, {}),
    "hardswish": (functional.hardswish, {}),
    "logsigmoid": (functional.logsigmoid, {}),
    "identity": (lambda values: values, {}),
}


def pointwise(name: str, scalars: Mapping[str, Any]) -> Pointwise:
    """Return one of `POINTWISE` with its settings, by their names in torch.

    Examples
    --------
    >>> pointwise("leaky_relu", {"negative_slope": 0.5}).function(torch.tensor(-2.0))
    tensor(-1.)
    """
    function = POINTWISE[name][0]
    shown = {key: float(value) for key, value in scalars.items() if not isinstance(value, str)}
    return Pointwise(name, lambda values: function(values, **scalars), shown)

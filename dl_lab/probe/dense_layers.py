"""Recognizing a plain dense network: linear layers and activations, one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from torch import Tensor

ACTIVATIONS: dict[type[nn.Module], str] = {
    nn.Tanh: "tanh",
    nn.ReLU: "relu",
    nn.Sigmoid: "sigmoid",
    nn.Identity: "identity",
}


@dataclass(frozen=True)
class DenseLayer:
    """A linear layer and the activation behind it, by a name of `ACTIVATIONS`."""

    linear: nn.Linear
    activation: str


@dataclass(frozen=True)
class DenseNet:
    """A dense network with one output, taken apart.

    Attributes
    ----------
    front
        Modules without parameters that turn the inputs into features.
    layers
        The linear layers, first to last; the last has one unit.
    """

    front: tuple[nn.Module, ...]
    layers: tuple[DenseLayer, ...]

    def features(self, inputs: Tensor) -> Tensor:
        """Compute what the first layer sees, [n, k]."""
        with torch.no_grad():
            for module in self.front:
                inputs = module(inputs)
        return inputs


def dense_net(model: nn.Module) -> DenseNet | None:
    """Take a model apart if it is a plain dense network, as `dl_lab.nets.dense.dense` builds it.

    Parameters
    ----------
    model
        An `nn.Sequential` of modules without parameters that say they are ``pure``, then
        `nn.Linear` with bias and `nn.Tanh`, `nn.ReLU`, `nn.Sigmoid`, `nn.Identity` or nothing in
        turn, the last of one unit, then ``nn.Flatten(0)``. Subclasses do not count: they may
        compute something else.

    Returns
    -------
    DenseNet or None
        None for any other model.

    Examples
    --------
    >>> model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1), nn.Flatten(0))
    >>> [layer.activation for layer in dense_net(model).layers]
    ['tanh', 'identity']
    """
    if type(model) is not nn.Sequential:
        return None
    modules = list(model)
    if not modules or not _flattens(modules.pop()):
        return None
    first = next((i for i, module in enumerate(modules) if type(module) is nn.Linear), None)
    if first is None or not all(map(_is_pure, modules[:first])):
        return None
    layers: list[DenseLayer] = []
    for module in modules[first:]:
        if type(module) is nn.Linear and module.bias is not None:
            layers.append(DenseLayer(module, "identity"))
        elif type(module) in ACTIVATIONS and layers[-1].activation == "identity":
            layers[-1] = DenseLayer(layers[-1].linear, ACTIVATIONS[type(module)])
        else:
            return None
    if not layers or layers[-1].linear.out_features != 1:
        return None
    return DenseNet(tuple(modules[:first]), tuple(layers))


def _flattens(module: nn.Module) -> bool:
    return type(module) is nn.Flatten and (module.start_dim, module.end_dim) == (0, -1)


def _is_pure(module: nn.Module) -> bool:
    return getattr(module, "pure", False) is True and not any(
        True for _ in [*module.parameters(), *module.buffers()]
    )

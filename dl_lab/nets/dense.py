"""Small dense networks over points, as TensorFlow Playground has them."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.utils import skip_init

from dl_lab.errors import InputError, whole
from dl_lab.nets.features import PointFeatures

if TYPE_CHECKING:
    from collections.abc import Iterable

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "linear": nn.Identity,
}
"""The activations by name; ``"linear"`` is none at all."""

OUTPUTS: dict[str, type[nn.Module]] = {"tanh": nn.Tanh, "linear": nn.Identity}
"""The output's activations: tanh for classification, linear for regression."""

MOST_LAYERS = 8
MOST_UNITS = 16

INITIAL_WEIGHT = 0.5
INITIAL_BIAS = 0.1


def dense(
    features: Iterable[str] = ("x", "y"),
    hidden: Iterable[int] = (4, 2),
    activation: str = "tanh",
    output: str = "tanh",
    generator: torch.Generator | None = None,
) -> nn.Sequential:
    """Build a dense network from points [n, 2] to numbers [n].

    Parameters
    ----------
    features
        What the first layer sees of a point: some of `dl_lab.nets.features.FEATURES`.
    hidden
        Units of each hidden layer: up to 8 layers of 1 to 16.
    activation
        Of the hidden layers, one of `ACTIVATIONS`.
    output
        Of the one output unit: ``"tanh"`` or ``"linear"``.
    generator
        Where the initial weights are drawn from; by default one freshly seeded with 0. The
        global random state is left alone either way.

    Returns
    -------
    nn.Sequential
        ``PointFeatures, Linear, activation, …, Linear, activation, Flatten(0)`` with weights
        U(-0.5, 0.5) and biases 0.1, as in the original.

    Raises
    ------
    InputError
        An unknown name, too many layers, or a width out of range.

    Examples
    --------
    >>> dense(hidden=(3,))(torch.zeros(5, 2)).shape
    torch.Size([5])
    """
    if activation not in ACTIVATIONS:
        raise InputError.unknown("activation", activation, ACTIVATIONS)
    if output not in OUTPUTS:
        raise InputError.unknown("output", output, OUTPUTS)
    widths = [whole("hidden", units, 1, MOST_UNITS) for units in hidden]
    if len(widths) > MOST_LAYERS:
        raise InputError("too_many", name="hidden", most=MOST_LAYERS, given=len(widths))

    points = PointFeatures(features)
    widths = [len(points.names), *widths, 1]
    modules: list[nn.Module] = [points]
    for index, (inputs, outputs) in enumerate(pairwise(widths)):
        last = index == len(widths) - 2
        # skip_init: the constructor of nn.Linear draws from the global generator.
        modules.append(skip_init(nn.Linear, inputs, outputs))  # type: ignore[no-untyped-call]  # torch has no types here
        modules.append(OUTPUTS[output]() if last else ACTIVATIONS[activation]())
    modules.append(nn.Flatten(0))
    model = nn.Sequential(*modules)
    draw_weights(model, generator)
    return model


def draw_weights(model: nn.Module, generator: torch.Generator | None = None) -> None:
    """Give every linear layer new weights U(-0.5, 0.5) and biases 0.1, in place.

    Parameters
    ----------
    model
        Any module; only its `nn.Linear` layers change.
    generator
        Where the weights are drawn from; by default one freshly seeded with 0.
    """
    generator = generator if generator is not None else torch.Generator().manual_seed(0)
    with torch.no_grad():
        for layer in model.modules():
            if isinstance(layer, nn.Linear):
                layer.weight.uniform_(-INITIAL_WEIGHT, INITIAL_WEIGHT, generator=generator)
                if layer.bias is not None:
                    layer.bias.fill_(INITIAL_BIAS)

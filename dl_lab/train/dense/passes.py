"""Forward and backward of a dense network by hand, in buffers of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Floats = npt.NDArray[np.float32]

MOST_PRODUCTS = 200_000
"""Multiplications in one matrix product; from 262,144 on OpenBLAS would start threads."""

_ZERO = np.zeros((), np.float32)
_ONE = np.ones((), np.float32)
_HALF = np.full((), 0.5, np.float32)


def _relu(values: Floats, out: Floats) -> None:
    np.maximum(values, _ZERO, out=out)


def _sigmoid(values: Floats, out: Floats) -> None:
    # Through tanh, which cannot overflow.
    np.multiply(values, _HALF, out)
    np.tanh(out, out)
    np.multiply(out, _HALF, out)
    np.add(out, _HALF, out)


# Each multiplies the gradient by the derivative, told from the activation's own value.


def _through_tanh(value: Floats, gradient: Floats, spare: Floats) -> None:
    np.multiply(value, value, spare)
    np.subtract(_ONE, spare, spare)
    np.multiply(gradient, spare, gradient)


def _through_relu(value: Floats, gradient: Floats, spare: Floats) -> None:
    np.sign(value, spare)
    np.multiply(gradient, spare, gradient)


def _through_sigmoid(value: Floats, gradient: Floats, spare: Floats) -> None:
    np.subtract(_ONE, value, spare)
    np.multiply(spare, value, spare)
    np.multiply(gradient, spare, gradient)


_FORWARD: dict[str, Callable[[Floats, Floats], object] | None] = {
    "tanh": np.tanh,
    "relu": _relu,
    "sigmoid": _sigmoid,
    "identity": None,
}
_BACKWARD: dict[str, Callable[[Floats, Floats, Floats], None] | None] = {
    "tanh": _through_tanh,
    "relu": _through_relu,
    "sigmoid": _through_sigmoid,
    "identity": None,
}


@dataclass(frozen=True)
class Layer:
    """A layer's parameters and gradients, views that a pass reads and fills.

    Attributes
    ----------
    weight, weight_gradient
        f4 [outputs, inputs].
    bias, bias_gradient
        f4 [outputs].
    activation
        ``"tanh"``, ``"relu"``, ``"sigmoid"`` or ``"identity"``.
    """

    weight: Floats
    bias: Floats
    weight_gradient: Floats
    bias_gradient: Floats
    activation: str


class _Upward(NamedTuple):
    weight: Floats
    bias: Floats
    value: Floats
    activate: Callable[[Floats, Floats], object] | None


class _Downward(NamedTuple):
    value: Floats
    gradient: Floats
    spare: Floats
    through: Callable[[Floats, Floats, Floats], None] | None
    weight_gradient: Floats
    bias_gradient: Floats
    below: Floats | None
    transposed: Floats
    gradient_below: Floats | None


class DensePass:
    """All buffers for batches of one width; features and values are [units, width].

    Parameters
    ----------
    layers
        First to last; the last has one unit.
    width
        Columns, that is points, in a batch.
    """

    def __init__(self, layers: Sequence[Layer], width: int) -> None:
        values = [np.empty((len(layer.bias), width), np.float32) for layer in layers]
        gradients = [np.empty_like(value) for value in values]
        self._upward = [
            _Upward(layer.weight, layer.bias[:, None], value, _FORWARD[layer.activation])
            for layer, value in zip(layers, values, strict=True)
        ]
        self._downward = [
            _Downward(
                values[index],
                gradients[index],
                np.empty_like(values[index]),
                _BACKWARD[layer.activation],
                layer.weight_gradient,
                layer.bias_gradient,
                values[index - 1].T if index else None,
                layer.weight.T,
                gradients[index - 1] if index else None,
            )
            for index, layer in reversed(list(enumerate(layers)))
        ]
        self._width = width
        self._ones = np.ones(width, np.float32)
        self._share = np.full((), 1 / width, np.float32)
        self._output = values[-1]
        self._error = gradients[-1]

    def _forward(self, features: Floats) -> None:
        below = features
        for weight, bias, value, activate in self._upward:
            np.dot(weight, below, value)
            np.add(value, bias, value)
            if activate is not None:
                activate(value, value)
            below = value

    def loss(self, features: Floats, targets: Floats) -> float:
        """Sum of ½ (output - target)² over the columns.

        Parameters
        ----------
        features, targets
            f4 [inputs, width] and [1, width], C-contiguous.
        """
        self._forward(features)
        error = np.subtract(self._output, targets, self._error)[0]
        return float(np.dot(error, error)) / 2

    def backward(self, features: Floats, targets: Floats, *, measure: bool) -> float | None:
        """Fill the layers' gradients of the mean loss; return that loss if asked for."""
        self._forward(features)
        error = np.subtract(self._output, targets, self._error)
        loss = float(np.dot(error[0], error[0])) / (2 * self._width) if measure else None
        np.multiply(error, self._share, error)
        for (
            value,
            gradient,
            spare,
            through,
            weight_gradient,
            bias_gradient,
            below,
            transposed,
            gradient_below,
        ) in self._downward:
            if through is not None:
                through(value, gradient, spare)
            np.dot(gradient, features.T if below is None else below, weight_gradient)
            np.dot(gradient, self._ones, bias_gradient)
            if gradient_below is not None:
                np.dot(transposed, gradient, gradient_below)
        return loss

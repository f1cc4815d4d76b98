"""What a layer of Keras computes, as numbers. Keras itself need not be there."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from dl_lab.probe.formula import kinds
from dl_lab.probe.formula.pointwise import POINTWISE, pointwise

if TYPE_CHECKING:
    from torch import Tensor

    from dl_lab.probe.formula.kinds import Operation, Sizes
    from dl_lab.probe.layer import Layer

# Where Keras and torch differ in the name, or in what is not given.
_ACTIVATIONS: dict[str, tuple[str, dict[str, float]]] = {
    "linear": ("identity", {}),
    "hard_sigmoid": ("hardsigmoid", {}),
    "hard_silu": ("hardswish", {}),
    "log_sigmoid": ("logsigmoid", {}),
    "leaky_relu": ("leaky_relu", {"negative_slope": 0.2}),
}
_SIGNS = {"Add": "+", "Subtract": "−", "Multiply": "·"}  # noqa: RUF001  # as it is shown
_MAPS = 2


def keras_operation(module: Any, layer: Layer) -> Operation | None:  # noqa: ANN401, C901, PLR0911, PLR0912  # one table
    """Return what a layer of Keras computes, or None where that is not known in numbers.

    Parameters
    ----------
    module
        A layer of Keras 3; subclasses that compute otherwise are not known.
    layer
        How it was called.

    Examples
    --------
    >>> import os
    >>> os.environ["KERAS_BACKEND"] = "torch"
    >>> import keras, torch
    >>> from dl_lab.probe.capture import capture
    >>> from dl_lab.probe.formula.operation import operation
    >>> net = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(4, 3)])
    >>> operation(capture(net, torch.rand(1, 8, 8, 1)).layers[0]).weight.shape
    torch.Size([4, 1, 3, 3])
    """
    kind = type(module).__name__
    own = type(module).__module__.startswith("keras.")
    if not own or getattr(module, "data_format", "channels_last") != "channels_last":
        return None
    match kind:
        case "Conv1D" | "Conv2D" | "Conv3D":
            weight = _tensor(module.kernel).movedim((-1, -2), (0, 1))
            return _convolution(module, layer, weight, module.groups)
        case "DepthwiseConv1D" | "DepthwiseConv2D":
            weight = _tensor(module.kernel).movedim((-2, -1), (0, 1)).flatten(0, 1)[:, None]
            return _convolution(module, layer, weight, module.kernel.shape[-2])
        case "Dense":
            return _dense(module, layer)
        case _ if kind.startswith(("MaxPooling", "AveragePooling")):
            return _pooling(module, layer, largest=module.pool_mode == "max")
        case _ if kind.startswith(("GlobalMaxPooling", "GlobalAveragePooling")):
            return kinds.Pooling(int(kind[-2]), "Max" in kind, None, (), (), ())
        case "BatchNormalization":
            return _batch_norm(module, layer)
        case "LayerNormalization":
            return _layer_norm(module, layer)
        case "GroupNormalization" if _last(module.axis, layer):
            scale, shift = _tensor(module.gamma), _tensor(module.beta)
            return kinds.Norm("group", module.epsilon, scale, shift, groups=module.groups)
        case "Activation":
            return _activation(module.activation)
        case "ReLU":
            return _relu(module)
        case "LeakyReLU":
            return pointwise("leaky_relu", {"negative_slope": float(module.negative_slope)})
        case "ELU":
            return pointwise("elu", {"alpha": float(module.alpha)})
        case "Softmax" if _last(module.axis, layer):
            return kinds.Softmax(1, logarithm=False)
        case "Flatten" | "Reshape":
            return kinds.Reshape()
        case "Identity" | "InputLayer":
            return pointwise("identity", {})
        case _ if kind.startswith(("Dropout", "Spatial")) and layer.output is not None:
            changed = not layer.output.equal(layer.inputs[0])
            return kinds.Dropout(changed, float(getattr(module, "rate", 0.5)))
        case "Concatenate":
            axis = module.axis % layer.inputs[0].ndim
            return kinds.Join(1 if axis == layer.inputs[0].ndim - 1 else axis + 1)
        case _ if kind in _SIGNS and len(layer.inputs) == len(("a", "b")):
            return kinds.Combination(_SIGNS[kind])
    return None


def _tensor(variable: Any) -> Any:  # noqa: ANN401  # Keras has no types
    return None if variable is None else variable.value


def _last(axis: Any, layer: Layer) -> bool:  # noqa: ANN401  # a number, or one in a list
    axes = [axis] if isinstance(axis, int) else list(axis)
    return [one % layer.inputs[0].ndim for one in axes] == [layer.inputs[0].ndim - 1]


def _activation(function: Any) -> kinds.Pointwise | kinds.Softmax | None:  # noqa: ANN401
    """Return a function of Keras as one of torch's."""
    name = getattr(function, "__name__", "")
    if not getattr(function, "__module__", "").startswith("keras."):
        return None
    if name in {"softmax", "log_softmax"}:
        return kinds.Softmax(1, logarithm=name == "log_softmax")
    name, scalars = _ACTIVATIONS.get(name, (name, {}))
    return pointwise(name, scalars) if name in POINTWISE else None


def _within(module: Any) -> tuple[bool, kinds.Pointwise | kinds.Softmax | None]:  # noqa: ANN401
    """Tell whether a layer's own activation is known, and what it is; None for none."""
    found = _activation(module.activation)
    if isinstance(found, kinds.Pointwise) and found.name == "identity":
        return True, None
    return found is not None or module.activation is None, found


def _relu(module: Any) -> kinds.Pointwise | None:  # noqa: ANN401
    slope, threshold = float(module.negative_slope or 0), float(module.threshold or 0)
    if threshold or (slope and module.max_value is not None):
        return None
    if slope:
        return pointwise("leaky_relu", {"negative_slope": slope})
    if module.max_value is None:
        return pointwise("relu", {})
    return pointwise("hardtanh", {"min_val": 0.0, "max_val": float(module.max_value)})


def _convolution(
    module: Any,  # noqa: ANN401
    layer: Layer,
    weight: Tensor,
    groups: int,
) -> kinds.Convolution | None:
    known, then = _within(module)
    if not known or isinstance(then, kinds.Softmax):
        return None
    count = weight.ndim - _MAPS
    stride, dilation = _each(module.strides, count), _each(module.dilation_rate, count)
    reaches = [d * (k - 1) for d, k in zip(dilation, weight.shape[2:], strict=True)]
    sizes = layer.inputs[0].shape[1:-1]
    if module.padding == "same":
        pads = tuple(
            _halves(size, reach, step)
            for size, reach, step in zip(sizes, reaches, stride, strict=True)
        )
    elif module.padding == "causal":
        pads = tuple((reach, 0) for reach in reaches)
    else:
        pads = ((0, 0),) * count
    bias = _tensor(module.bias)
    return kinds.Convolution(weight, bias, stride, pads, dilation, groups, "zeros", then)


def _halves(size: int, reach: int, stride: int) -> tuple[int, int]:
    """Return what "same" adds before and behind: an odd total leaves the larger half behind."""
    total = max(0, (math.ceil(size / stride) - 1) * stride + reach + 1 - size)
    return total // 2, total - total // 2


def _dense(module: Any, layer: Layer) -> kinds.Linear | kinds.Convolution | None:  # noqa: ANN401
    known, then = _within(module)
    if not known:
        return None
    weight, bias = _tensor(module.kernel), _tensor(module.bias)
    count = layer.inputs[0].ndim - _MAPS
    if count == 0:
        return kinds.Linear(weight.T, bias, then)
    if isinstance(then, kinds.Softmax):
        return None
    # At every position by itself: a convolution of one cell.
    one = (1,) * count
    kernel = weight.T.reshape(*weight.T.shape, *one)
    return kinds.Convolution(kernel, bias, one, ((0, 0),) * count, one, 1, "zeros", then)


def _pooling(module: Any, layer: Layer, *, largest: bool) -> kinds.Pooling:  # noqa: ANN401
    sizes = layer.inputs[0].shape[1:-1]
    count = len(sizes)
    size, stride = _each(module.pool_size, count), _each(module.strides, count)
    pads: Sizes = (0,) * count
    if module.padding == "same":
        pads = tuple(
            _halves(length, k - 1, step)[0]
            for length, k, step in zip(sizes, size, stride, strict=True)
        )
    return kinds.Pooling(count, largest, size, stride, pads, (1,) * count, include_padding=False)


def _batch_norm(module: Any, layer: Layer) -> kinds.Norm | None:  # noqa: ANN401
    if not _last(module.axis, layer):
        return None
    kept = not layer.training or not module.trainable
    own = (module.moving_mean, module.moving_variance) if kept else (None, None)
    scale, shift, mean, variance = map(_tensor, (module.gamma, module.beta, *own))
    over = "running" if kept else "batch"
    return kinds.Norm(over, module.epsilon, scale, shift, mean, variance, dimensions=0)


def _layer_norm(module: Any, layer: Layer) -> kinds.Norm | None:  # noqa: ANN401
    if not _last(module.axis, layer) or getattr(module, "rms_scaling", False):
        return None
    return kinds.Norm("units", module.epsilon, _tensor(module.gamma), _tensor(module.beta))


def _each(value: Any, count: int) -> Sizes:  # noqa: ANN401  # a number, or one for each dimension
    return (value,) * count if isinstance(value, int) else tuple(value)

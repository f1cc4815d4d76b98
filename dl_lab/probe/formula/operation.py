"""What a layer computes, as numbers: a module's settings or a function's arguments in one form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from dl_lab.probe.formula.keras_operation import keras_operation
from dl_lab.probe.formula.kinds import (
    Combination,
    Convolution,
    Dropout,
    Join,
    Linear,
    Mean,
    Norm,
    Operation,
    PerUnit,
    Pooling,
    Reshape,
    Sizes,
    Softmax,
    TransposedConvolution,
)
from dl_lab.probe.formula.pointwise import POINTWISE, pointwise

if TYPE_CHECKING:
    from dl_lab.probe.layer import Layer

_POINTWISE_CLASSES: dict[type[nn.Module], str] = {
    nn.ReLU: "relu", nn.ReLU6: "relu6", nn.LeakyReLU: "leaky_relu", nn.ELU: "elu",
    nn.CELU: "celu", nn.SELU: "selu", nn.GELU: "gelu", nn.SiLU: "silu", nn.Mish: "mish",
    nn.Sigmoid: "sigmoid", nn.Tanh: "tanh", nn.Softplus: "softplus", nn.Softsign: "softsign",
    nn.Hardtanh: "hardtanh", nn.Hardsigmoid: "hardsigmoid", nn.Hardswish: "hardswish",
    nn.LogSigmoid: "logsigmoid", nn.Identity: "identity",
}  # fmt: skip
_SIGNS = {"add": "+", "sub": "−", "mul": "·", "div": "/"}  # noqa: RUF001  # as it is shown


def operation(layer: Layer) -> Operation | None:
    """Return what a layer computes, or None where that is not known in numbers.

    Examples
    --------
    >>> from dl_lab.probe.capture import capture
    >>> seen = capture(nn.MaxPool2d(2), torch.rand(1, 1, 4, 4))
    >>> operation(seen.layers[0]).size
    (2, 2)
    """
    if not layer.kept:
        return layer.computes
    if layer.output is None or not layer.inputs:
        return None
    if layer.module is None:
        return _of_function(layer)
    if layer.channels_last:
        return keras_operation(layer.module, layer)
    return _of_module(layer.module, layer)


def _of_module(module: Any, layer: Layer) -> Operation | None:  # noqa: ANN401, PLR0911  # one table
    kind = type(module)
    windowed = _of_windows(module, kind)
    if windowed is not None:
        return windowed
    if kind in _POINTWISE_CLASSES:
        name = _POINTWISE_CLASSES[kind]
        return pointwise(
            name,
            {key: getattr(module, attribute) for key, attribute in POINTWISE[name][1].items()},
        )
    if isinstance(module, nn.PReLU):
        return PerUnit(module.weight)
    if kind is nn.Linear or (isinstance(module, nn.Linear) and kind.forward is nn.Linear.forward):
        return Linear(module.weight, module.bias)
    if kind in {nn.Softmax, nn.LogSoftmax}:
        return _softmax(module.dim, layer, logarithm=kind is nn.LogSoftmax)
    if kind in {nn.Flatten, nn.Unflatten}:
        return Reshape()
    if isinstance(module, (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout)):
        return _dropout(layer)
    return _norm_module(module, layer)


def _of_windows(module: Any, kind: Any) -> Operation | None:  # noqa: ANN401
    if kind in {nn.Conv1d, nn.Conv2d, nn.Conv3d} or (
        # A lazy one becomes the other when it is initialized; a subclass may compute otherwise.
        isinstance(module, (nn.Conv1d, nn.Conv2d, nn.Conv3d)) and kind.forward in _FORWARDS
    ):
        return _convolution(vars(module), module.weight, module.bias, module.padding_mode)
    if kind in {nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d}:
        return _transposed(vars(module), module.weight, module.bias)
    if kind in {nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d}:
        return _pooling(vars(module), int(kind.__name__[-2]), largest="Max" in kind.__name__)
    if kind.__name__.startswith(("AdaptiveAvgPool", "AdaptiveMaxPool")):
        return _adaptive(largest="Max" in kind.__name__)
    return None


_FORWARDS = frozenset({nn.Conv1d.forward, nn.Conv2d.forward, nn.Conv3d.forward})


def _norm_module(module: Any, layer: Layer) -> Norm | None:  # noqa: ANN401  # has the attributes
    if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)):
        kept = not layer.training and module.running_mean is not None
        own = (module.running_mean, module.running_var) if kept else (None, None)
        return Norm("running" if kept else "batch", module.eps, module.weight, module.bias, *own)
    if isinstance(module, (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)):
        kept = not layer.training and module.running_mean is not None
        own = (module.running_mean, module.running_var) if kept else (None, None)
        return Norm("running" if kept else "instance", module.eps, module.weight, module.bias, *own)
    if isinstance(module, nn.LayerNorm):
        dimensions = len(module.normalized_shape)
        return Norm("layer", module.eps, module.weight, module.bias, dimensions=dimensions)
    if isinstance(module, nn.GroupNorm):
        return Norm("group", module.eps, module.weight, module.bias, groups=module.num_groups)
    if isinstance(module, nn.RMSNorm):
        eps = torch.finfo(layer.inputs[0].dtype).eps if module.eps is None else module.eps
        dimensions = len(module.normalized_shape)
        return Norm("layer", eps, module.weight, None, dimensions=dimensions, centred=False)
    return None


def _of_function(layer: Layer) -> Operation | None:  # noqa: C901, PLR0911  # one table
    name, given = layer.kind, layer.arguments
    if name.startswith("conv_transpose"):
        return _transposed(given, given["weight"], given.get("bias"))
    if name.startswith("conv") and name.endswith("d"):
        return _convolution(given, given["weight"], given.get("bias"), "zeros")
    if name.startswith(("max_pool", "avg_pool")):
        return _pooling(given, int(name[-2]), largest=name.startswith("max"))
    if name.startswith(("adaptive_max_pool", "adaptive_avg_pool")):
        return _adaptive(largest="max" in name)
    if name in POINTWISE:
        scalars = {key: given[key] for key in POINTWISE[name][1] if key in given}
        return pointwise(name, scalars)
    if name == "prelu":
        return PerUnit(given["weight"])
    if name == "linear":
        return Linear(given["weight"], given.get("bias"))
    if name in {"softmax", "log_softmax"}:
        return _softmax(given.get("dim"), layer, logarithm=name == "log_softmax")
    if name in _SIGNS and "alpha" not in given and "rounding_mode" not in given:
        return Combination(_SIGNS[name])
    if name == "cat":
        return Join(given.get("dim", 0) % layer.inputs[0].ndim)
    if name == "mean":
        dimensions = given.get("dim")
        count = layer.inputs[0].ndim
        every = range(count) if dimensions is None else _many(dimensions)
        return Mean(tuple(sorted(one % count for one in every)))
    if name == "dropout":
        return _dropout(layer)
    return _norm_function(name, given)


def _norm_function(name: str, given: Mapping[str, Any]) -> Norm | None:
    shared = given.get("eps", 1e-5), given.get("weight"), given.get("bias")
    if name == "batch_norm":
        own = given.get("running_mean"), given.get("running_var")
        kept = not given.get("training", False)
        return Norm("running", *shared, *own) if kept else Norm("batch", *shared)
    if name == "layer_norm":
        return Norm("layer", *shared, dimensions=len(given["normalized_shape"]))
    if name == "group_norm":
        return Norm("group", *shared, groups=given["num_groups"])
    return None


def _dropout(layer: Layer) -> Dropout | None:
    if layer.output is None:
        return None
    return Dropout(active=not torch.equal(layer.output, layer.inputs[0]))


def _many(value: Any) -> Sizes:  # noqa: ANN401  # one number or several
    return (value,) if isinstance(value, int) else tuple(value)


def _each(value: Any, count: int) -> Sizes:  # noqa: ANN401  # as torch takes them
    many = _many(value)
    return many * count if len(many) == 1 else many


def _convolution(
    given: Mapping[str, Any], weight: Tensor, bias: Tensor | None, mode: str
) -> Convolution:
    count = weight.ndim - 2
    dilation = _each(given.get("dilation", 1), count)
    padding = given.get("padding", 0)
    if padding == "same":
        # An odd total leaves the larger half behind.
        totals = [d * (k - 1) for d, k in zip(dilation, weight.shape[2:], strict=True)]
        pads = tuple((total // 2, total - total // 2) for total in totals)
    else:
        pads = tuple((p, p) for p in _each(0 if padding == "valid" else padding, count))
    stride = _each(given.get("stride", 1), count)
    return Convolution(weight, bias, stride, pads, dilation, given.get("groups", 1), mode)


def _transposed(
    given: Mapping[str, Any], weight: Tensor, bias: Tensor | None
) -> TransposedConvolution:
    count = weight.ndim - 2
    stride, padding, dilation = (
        _each(given.get(name, default), count)
        for name, default in (("stride", 1), ("padding", 0), ("dilation", 1))
    )
    return TransposedConvolution(weight, bias, stride, padding, dilation, given.get("groups", 1))


def _pooling(given: Mapping[str, Any], count: int, *, largest: bool) -> Pooling:
    size = _each(given["kernel_size"], count)
    stride = given.get("stride")
    return Pooling(
        largest,
        size,
        size if stride is None or stride == [] else _each(stride, count),
        _each(given.get("padding", 0), count),
        _each(given.get("dilation", 1), count),
        given.get("count_include_pad", True),
        given.get("divisor_override"),
    )


def _adaptive(*, largest: bool) -> Pooling:
    return Pooling(largest, None, (), (), ())


def _softmax(dimension: int | None, layer: Layer, *, logarithm: bool) -> Softmax:
    count = layer.inputs[0].ndim
    # torch's own choice where none is given.
    chosen = (0 if count in {0, 1, 3} else 1) if dimension is None else dimension % count
    return Softmax(chosen, logarithm)

"""What a layer computes, as numbers: a module's settings or a function's arguments in one form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from dl_lab.probe.layer import Layer

Sizes = tuple[int, ...]


@dataclass(frozen=True)
class Convolution:
    """``y[o] = b[o] + Σ w[o] · window``; weight [out, in/groups, …]."""

    weight: Tensor
    bias: Tensor | None
    stride: Sizes
    padding: tuple[tuple[int, int], ...]
    dilation: Sizes
    groups: int
    padding_mode: str


@dataclass(frozen=True)
class Pooling:
    """The largest value or the mean of a window; an adaptive one is told its output's size."""

    largest: bool
    size: Sizes | None
    stride: Sizes
    padding: Sizes
    dilation: Sizes
    include_padding: bool = True
    divisor: int | None = None


@dataclass(frozen=True)
class Pointwise:
    """A function of each value alone; `scalars` are its settings, by their names in torch."""

    name: str
    function: Callable[[Tensor], Tensor]
    scalars: Mapping[str, float]


@dataclass(frozen=True)
class PerUnit:
    """PReLU: a slope for each unit."""

    slopes: Tensor


@dataclass(frozen=True)
class Norm:
    """``(x - mean) / sqrt(variance + eps) · weight + bias``.

    `over` tells of which values mean and variance are taken: ``"running"`` (kept ones),
    ``"batch"``, ``"layer"``, ``"group"``, ``"instance"``.
    """

    over: str
    eps: float
    weight: Tensor | None
    bias: Tensor | None
    mean: Tensor | None = None
    variance: Tensor | None = None
    groups: int = 1
    dimensions: int = 1
    centred: bool = True


@dataclass(frozen=True)
class Linear:
    """``y = W x + b``; weight [out, in]."""

    weight: Tensor
    bias: Tensor | None


@dataclass(frozen=True)
class Softmax:
    """``exp(z[i]) / Σ exp(z[j])`` along a dimension of the batch, or its logarithm."""

    dimension: int
    logarithm: bool


@dataclass(frozen=True)
class Combination:
    """Two tensors, or a tensor and a number, combined value by value."""

    sign: str


@dataclass(frozen=True)
class Join:
    """Tensors one after the other along a dimension of the batch."""

    dimension: int


@dataclass(frozen=True)
class Mean:
    """The mean over some dimensions of the batch."""

    dimensions: Sizes


@dataclass(frozen=True)
class Reshape:
    """The same values in another shape."""


@dataclass(frozen=True)
class Dropout:
    """Nothing, or while training zeros by chance and the rest scaled."""

    active: bool


Operation: TypeAlias = (
    Convolution | Pooling | Pointwise | PerUnit | Norm | Linear | Softmax | Combination | Join
    | Mean | Reshape | Dropout
)  # fmt: skip

_POINTWISE: dict[str, tuple[Callable[..., Tensor], dict[str, str]]] = {
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
    found = _of_function(layer) if layer.module is None else _of_module(layer.module, layer)
    known = found is not None and layer.output is not None and bool(layer.inputs)
    return found if known and not layer.channels_last else None


def _of_module(module: Any, layer: Layer) -> Operation | None:  # noqa: ANN401, PLR0911  # one table
    kind = type(module)
    if kind in {nn.Conv1d, nn.Conv2d, nn.Conv3d} or (
        # A lazy one becomes the other when it is initialized; a subclass may compute otherwise.
        isinstance(module, (nn.Conv1d, nn.Conv2d, nn.Conv3d)) and kind.forward in _FORWARDS
    ):
        return _convolution(vars(module), module.weight, module.bias, module.padding_mode)
    if kind in {nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d}:
        return _pooling(vars(module), int(kind.__name__[-2]), largest="Max" in kind.__name__)
    if kind.__name__.startswith(("AdaptiveAvgPool", "AdaptiveMaxPool")):
        return _adaptive(largest="Max" in kind.__name__)
    if kind in _POINTWISE_CLASSES:
        name = _POINTWISE_CLASSES[kind]
        return _pointwise(
            name,
            {key: getattr(module, attribute) for key, attribute in _POINTWISE[name][1].items()},
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
    if name.startswith("conv") and name.endswith("d") and not name.startswith("conv_tr"):
        return _convolution(given, given["weight"], given.get("bias"), "zeros")
    if name.startswith(("max_pool", "avg_pool")):
        return _pooling(given, int(name[-2]), largest=name.startswith("max"))
    if name.startswith(("adaptive_max_pool", "adaptive_avg_pool")):
        return _adaptive(largest="max" in name)
    if name in _POINTWISE:
        scalars = {key: given[key] for key in _POINTWISE[name][1] if key in given}
        return _pointwise(name, scalars)
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


def _pointwise(name: str, scalars: Mapping[str, Any]) -> Pointwise:
    function = _POINTWISE[name][0]
    shown = {key: float(value) for key, value in scalars.items() if not isinstance(value, str)}
    return Pointwise(name, lambda values: function(values, **scalars), shown)


def _softmax(dimension: int | None, layer: Layer, *, logarithm: bool) -> Softmax:
    count = layer.inputs[0].ndim
    # torch's own choice where none is given.
    chosen = (0 if count in {0, 1, 3} else 1) if dimension is None else dimension % count
    return Softmax(chosen, logarithm)

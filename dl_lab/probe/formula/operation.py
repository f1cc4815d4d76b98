"""What a layer computes, as numbers: a module's settings or a function's arguments in one form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from dl_lab.probe.formula.functions import MOVING, REDUCTIONS, SUMS, VALUES, dimensions_of
from dl_lab.probe.formula.keras_operation import keras_operation
from dl_lab.probe.formula.kinds import (
    Attention,
    Combination,
    Computed,
    Convolution,
    Dropout,
    Gated,
    Inside,
    Linear,
    Lookup,
    Mean,
    Moved,
    Norm,
    Normalized,
    Operation,
    PerUnit,
    Pooling,
    Recurrent,
    Reduced,
    Reshape,
    Sizes,
    Softmax,
    Summed,
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
_SIGNS = {"add": "+", "sub": "−", "mul": "·", "div": "/", "pow": "^"}  # noqa: RUF001  # as it is shown


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
    if layer.output is None:
        return None
    if layer.module is None:
        return None if layer.transformed else _of_function(layer)
    if layer.channels_last:
        return keras_operation(layer.module, layer) if layer.inputs else None
    return _of_module(layer.module, layer)


def _forward(layer: Layer) -> Any:  # noqa: ANN401  # a function, or something else that is called
    """Return the function that a layer's call ran: a subclass or an object may have its own."""
    return getattr(layer.made.function, "__func__", None)


def _is(layer: Layer, *classes: type[nn.Module]) -> bool:
    """Tell whether a layer computes as one of these classes does."""
    own = _forward(layer)
    return any(isinstance(layer.module, one) and own is one.forward for one in classes)


def _of_module(module: Any, layer: Layer) -> Operation | None:  # noqa: ANN401, C901, PLR0911, PLR0912  # one table
    own = layer.settings
    if _is(layer, nn.Embedding):
        return Lookup(own["weight"], layer.made.args[0]) if layer.made.args else None
    if _is(layer, nn.LSTMCell, nn.GRUCell, nn.RNNCell):
        mode = {nn.LSTMCell: "LSTM", nn.GRUCell: "GRU"}.get(type(module), "RNN")
        return Recurrent(f"{mode}_{own['nonlinearity'].upper()}" if mode == "RNN" else mode)
    if _is(layer, nn.LSTM, nn.GRU, nn.RNN):
        return None if own["proj_size"] else _recurrent(own)
    if _is(layer, nn.MultiheadAttention):
        return Attention()
    if not layer.inputs:
        # Of its own parameters alone.
        return Inside()
    windowed = _of_windows(layer)
    if windowed is not None:
        return windowed
    for kind in type(module).__mro__:
        if kind in _POINTWISE_CLASSES and _is(layer, kind):
            name = _POINTWISE_CLASSES[kind]
            names = POINTWISE[name][1]
            return pointwise(name, {key: own[attribute] for key, attribute in names.items()})
    if _is(layer, nn.PReLU):
        return PerUnit(own["weight"])
    if _is(layer, nn.Linear) and "weight" in own:
        return Linear(own["weight"], own["bias"])
    if _is(layer, nn.Softmax, nn.LogSoftmax, nn.Softmax2d):
        dimension = -3 if isinstance(module, nn.Softmax2d) else own["dim"]
        return _softmax(dimension, layer, logarithm=isinstance(module, nn.LogSoftmax))
    if _is(layer, nn.Flatten, nn.Unflatten):
        return Reshape()
    if _is(layer, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout):
        return _dropout(layer, own["p"])
    return _norm_module(layer) or Inside()


def _of_windows(layer: Layer) -> Operation | None:  # noqa: PLR0911  # one table
    own = layer.settings
    count = _dimensions(layer)
    if _is(layer, nn.Conv1d, nn.Conv2d, nn.Conv3d) and "weight" in own:
        inner = type(layer.module)._conv_forward  # type: ignore[union-attr]  # noqa: SLF001  # what else it may do
        if inner in _CONVOLUTIONS:
            return _convolution(own, own["weight"], own["bias"], own["padding_mode"])
    if _is(layer, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d) and "weight" in own:
        return _transposed(own, own["weight"], own["bias"])
    if _is(layer, nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d):
        return _pooling(own, count, largest=True)
    if _is(layer, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d):
        return _pooling(own, count, largest=False)
    if _is(layer, nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d):
        return _adaptive(count, largest=True)
    if _is(layer, nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d):
        return _adaptive(count, largest=False)
    return None


_CONVOLUTIONS = frozenset(
    {nn.Conv1d._conv_forward, nn.Conv2d._conv_forward, nn.Conv3d._conv_forward}  # noqa: SLF001
)


def _dimensions(layer: Layer) -> int:
    """Return how many dimensions a layer such as Conv2d or BatchNorm2d has positions in."""
    for kind in type(layer.module).__mro__:
        name = kind.__name__
        if kind.__module__.startswith("torch.nn.") and name.endswith("d") and name[-2] in "123":
            return int(name[-2])
    return 0


def _recurrent(own: Mapping[str, Any]) -> Recurrent:
    return Recurrent(own["mode"], own["bidirectional"], own["num_layers"])


def _norm_module(layer: Layer) -> Norm | None:
    own = layer.settings
    batch = _is(layer, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
    if batch or _is(layer, nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d):
        kept = not layer.training and own["running_mean"] is not None
        return Norm(
            "running" if kept else "batch" if batch else "instance",
            own["eps"],
            own["weight"],
            own["bias"],
            mean=own["running_mean"] if kept else None,
            variance=own["running_var"] if kept else None,
            dimensions=0 if batch else _dimensions(layer),
        )
    if _is(layer, nn.LayerNorm):
        dimensions = len(own["normalized_shape"])
        return Norm("layer", own["eps"], own["weight"], own["bias"], dimensions=dimensions)
    if _is(layer, nn.GroupNorm):
        return Norm("group", own["eps"], own["weight"], own["bias"], groups=own["num_groups"])
    if _is(layer, nn.RMSNorm):
        return _root_mean_square(own["eps"], own["weight"], own["normalized_shape"], layer)
    return None


def _root_mean_square(
    eps: float | None,
    weight: Tensor | None,
    shape: Any,  # noqa: ANN401  # several sizes
    layer: Layer,
) -> Norm:
    small = torch.finfo(layer.inputs[0].dtype).eps if eps is None else eps
    return Norm("layer", small, weight, None, dimensions=len(shape), centred=False)


def _of_function(layer: Layer) -> Operation | None:  # noqa: C901, PLR0911, PLR0912  # one table
    name, given = layer.kind, layer.arguments
    if name == "embedding":
        return Lookup(given["weight"], given["input"])
    if name in MOVING:
        return Moved()
    if not layer.inputs:
        return None
    if name.startswith("conv_transpose"):
        return _transposed(given, given["weight"], given.get("bias"))
    if name.startswith("conv") and name.endswith("d"):
        return _convolution(given, given["weight"], given.get("bias"), "zeros")
    if name.startswith(("max_pool", "avg_pool")) and name.endswith("d"):
        return _pooling(given, int(name[-2]), largest=name.startswith("max"))
    if name.startswith(("adaptive_max_pool", "adaptive_avg_pool")) and name.endswith("d"):
        return _adaptive(int(name[-2]), largest="max" in name)
    if name in POINTWISE and len(layer.inputs) == 1:
        scalars = {key: given[key] for key in POINTWISE[name][1] if key in given}
        return pointwise(name, scalars)
    if name == "prelu":
        return PerUnit(given["weight"])
    if name == "linear":
        return Linear(given["weight"], given.get("bias"))
    if name in {"softmax", "log_softmax"}:
        return _softmax(given.get("dim"), layer, logarithm=name == "log_softmax")
    if name in _SIGNS and len(given) == len(("input", "other")) and "other" in given:
        return Combination(_SIGNS[name])
    if name == "mean":
        dimensions = dimensions_of(name, layer.made.args, layer.made.kwargs, layer.inputs[0].ndim)
        return Mean(tuple(sorted(dimensions)))
    if name == "dropout":
        return _dropout(layer, given.get("p", 0.5))
    return _norm_function(name, given, layer) or _asked(name, layer)


def _asked(name: str, layer: Layer) -> Operation | None:  # noqa: PLR0911  # one table
    """Return what is found out by asking the function itself."""
    made = layer.made
    if name == "interpolate":
        mode = made.kwargs.get("mode", made.args[3] if len(made.args) > 3 else "nearest")  # noqa: PLR2004
        return Moved() if str(mode).startswith("nearest") else Summed(name, 0)
    if name in SUMS:
        return Summed(name, SUMS[name])
    if name in VALUES:
        return Computed(name)
    count = layer.inputs[0].ndim
    if name in REDUCTIONS:
        return Reduced(name, tuple(sorted(dimensions_of(name, made.args, made.kwargs, count))))
    if name == "normalize" and count:
        given = layer.arguments
        along = tuple(dimensions_of(name, made.args, made.kwargs, count))
        return Normalized(float(given.get("p", 2.0)), along, float(given.get("eps", 1e-12)))
    if name == "glu":
        return Gated(layer.arguments.get("dim", -1) % count)
    return None


def _norm_function(  # noqa: PLR0911  # one table
    name: str, given: Mapping[str, Any], layer: Layer
) -> Norm | None:
    shared = given.get("eps", 1e-5), given.get("weight"), given.get("bias")
    own = given.get("running_mean"), given.get("running_var")
    if name == "batch_norm":
        kept = not given.get("training", False)
        return Norm("running", *shared, *own, dimensions=0) if kept else Norm("batch", *shared)
    if name == "instance_norm":
        count = layer.inputs[0].ndim - 2
        if not given.get("use_input_stats", True):
            return Norm("running", *shared, *own)
        return Norm("instance", *shared, dimensions=count)
    if name == "layer_norm":
        return Norm("layer", *shared, dimensions=len(given["normalized_shape"]))
    if name == "group_norm":
        return Norm("group", *shared, groups=given["num_groups"])
    if name == "rms_norm":
        eps, weight = given.get("eps"), given.get("weight")
        return _root_mean_square(eps, weight, given["normalized_shape"], layer)
    return None


def _dropout(layer: Layer, rate: float) -> Dropout:
    output, given = layer.output, layer.inputs[0]
    assert output is not None  # noqa: S101  # its operation is asked for
    if layer.factors:
        return Dropout(active=layer.training, rate=rate)
    return Dropout(active=not torch.equal(output, given), rate=rate)


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
        count,
        largest,
        size,
        size if stride is None or stride == [] else _each(stride, count),
        _each(given.get("padding", 0), count),
        _each(given.get("dilation", 1), count),
        given.get("count_include_pad", True),
        given.get("divisor_override"),
    )


def _adaptive(count: int, *, largest: bool) -> Pooling:
    return Pooling(count, largest, None, (), (), ())


def _softmax(dimension: int | None, layer: Layer, *, logarithm: bool) -> Softmax:
    count = layer.inputs[0].ndim
    # torch's own choice where none is given.
    chosen = (0 if count in {0, 1, 3} else 1) if dimension is None else dimension % count
    return Softmax(chosen, logarithm)

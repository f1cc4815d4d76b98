"""Between torch's layers and `Convolution`: read one, build one, write its line."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from dl_lab.convolution.arithmetic import (
    AVG_POOL,
    CONV,
    MAX_POOL,
    TRANSPOSED,
    Convolution,
    axes,
    layer_name,
    weight_shape,
)
from dl_lab.convolution.change import change
from dl_lab.convolution.refusal import LONGEST
from dl_lab.errors import InputError

CLASSES: dict[type[nn.Module], tuple[str, int]] = {
    nn.Conv1d: (CONV, 1),
    nn.Conv2d: (CONV, 2),
    nn.ConvTranspose1d: (TRANSPOSED, 1),
    nn.ConvTranspose2d: (TRANSPOSED, 2),
    nn.MaxPool1d: (MAX_POOL, 1),
    nn.MaxPool2d: (MAX_POOL, 2),
    nn.AvgPool1d: (AVG_POOL, 1),
    nn.AvgPool2d: (AVG_POOL, 2),
}

# The input of figures 1.1 and 1.2 of the guide, and its kernel.
_INPUT = (3, 3, 2, 1, 0, 0, 0, 1, 3, 1, 3, 1, 2, 2, 3, 2, 0, 0, 2, 2, 2, 0, 0, 0, 1)
_KERNELS = (
    (0, 1, 2, 2, 2, 0, 0, 1, 2),
    (1, 0, -1, 2, 0, -2, 1, 0, -1),
    (1, 2, 1, 0, 0, 0, -1, -2, -1),
    (0, -1, 0, -1, 4, -1, 0, -1, 0),
)
_KERNEL_1D = (1, 2, -1)
_ROOM = {1: 12, 2: 5}
_KNOWN = ", ".join(f"nn.{kind.__name__}" for kind in CLASSES)


def read(
    layer: nn.Module, input_size: tuple[int, ...] | None = None, channels: int = 1
) -> Convolution:
    """Return a layer of torch as a setting.

    Parameters
    ----------
    layer
        `nn.Conv1d`, `nn.Conv2d`, `nn.ConvTranspose1d`, `nn.ConvTranspose2d`, or a max or average
        pool in one or two dimensions.
    input_size
        Of what it is given, ``(length,)`` or ``(height, width)``. None is 5 × 5 or 12 cells, or as
        many as its kernel needs to take three steps.
    channels
        Of the input, for a pool, which does not know them itself.

    Raises
    ------
    InputError
        Another module, or a size that the layer refuses.

    Examples
    --------
    >>> read(nn.Conv2d(3, 8, 3, stride=2)).stride
    (2, 2)
    """
    known = next((CLASSES[kind] for kind in type(layer).__mro__ if kind in CLASSES), None)
    if known is None or isinstance(layer, nn.modules.lazy.LazyModuleMixin):
        raise InputError("conv_layer", given=type(layer).__name__, allowed=_KNOWN)
    kind, dims = known
    found: Any = layer
    values: dict[str, Any] = {
        "kind": kind,
        "kernel_size": _sizes(found.kernel_size, dims),
        "stride": _sizes(found.stride, dims),
        "padding": found.padding if isinstance(found.padding, str) else _sizes(found.padding, dims),
    }
    if kind in {CONV, TRANSPOSED}:
        values |= {
            "in_channels": found.in_channels,
            "out_channels": found.out_channels,
            "groups": found.groups,
            "bias": found.bias is not None,
        }
    if kind == CONV:
        values["padding_mode"] = found.padding_mode
    if kind == TRANSPOSED:
        values["output_padding"] = _sizes(found.output_padding, dims)
    if kind in {CONV, TRANSPOSED, MAX_POOL}:
        values["dilation"] = _sizes(found.dilation, dims)
    if kind in {MAX_POOL, AVG_POOL}:
        values["ceil_mode"] = found.ceil_mode
        values["in_channels"] = channels
    if kind == AVG_POOL:
        values["count_include_pad"] = found.count_include_pad
        values["divisor_override"] = getattr(found, "divisor_override", None)
    values["input_size"] = input_size or _roomy(values, dims)
    return change(Convolution(), values)


def _sizes(given: int | tuple[int, ...], dims: int) -> tuple[int, ...]:
    return tuple(given) if isinstance(given, tuple) else (given,) * dims


def _roomy(values: dict[str, Any], dims: int) -> tuple[int, ...]:
    if values["kind"] == TRANSPOSED:
        return (_ROOM[dims] // 2,) * dims
    sizes = []
    for dim in range(dims):
        dilation = values.get("dilation", (1,) * dims)[dim]
        span = dilation * (values["kernel_size"][dim] - 1) + 1
        padding = 0 if isinstance(values["padding"], str) else values["padding"][dim]
        needed = span + 2 * values["stride"][dim] - 2 * padding
        sizes.append(min(max(_ROOM[dims], needed, padding + 1), LONGEST[dims]))
    return tuple(sizes)


def example_input(convolution: Convolution) -> Tensor:
    """Return whole numbers for the input, f4 [in_channels, *input_size].

    For one channel of 5 × 5 these are the numbers of the guide's figures.

    Examples
    --------
    >>> example_input(Convolution())[0, 0]
    tensor([3., 3., 2., 1., 0.])
    """
    shape = (convolution.in_channels, *convolution.input_size)
    return _repeated(_INPUT, shape)


def example_weight(convolution: Convolution, layer: int = 0) -> Tensor:
    """Return whole numbers for the weight, f4 of the shape that torch has it in.

    Each kernel is one of four, the guide's first; the others have both signs. In one dimension
    it is 1, 2, -1 and again.

    Examples
    --------
    >>> example_weight(Convolution())[0, 0]
    tensor([[0., 1., 2.],
            [2., 2., 0.],
            [0., 1., 2.]])
    """
    first, second, *kernel = weight_shape(convolution)
    kernels = []
    for pair in range(first * second):
        turn = pair // second + pair % second + layer
        if convolution.dims == 1:
            start = turn % len(_KERNEL_1D)
            values = _KERNEL_1D[start:] + _KERNEL_1D[:start]
        else:
            values = _KERNELS[turn % len(_KERNELS)]
        kernels.append(_repeated(values, tuple(kernel)))
    return torch.stack(kernels).reshape(first, second, *kernel)


def example_bias(convolution: Convolution) -> Tensor:
    """Return 1, -1, 2, -2, … for the bias, f4 [out_channels]."""
    places = torch.arange(convolution.out_channels)
    return (places // 2 + 1) * (1 - 2 * (places % 2)) * 1.0


def _repeated(values: tuple[int, ...], shape: tuple[int, ...]) -> Tensor:
    count = int(torch.Size(shape).numel())
    return (
        torch.tensor(values, dtype=torch.float32)
        .repeat(-(-count // len(values)))[:count]
        .reshape(shape)
    )


def build(
    convolution: Convolution, weight: Tensor | None = None, bias: Tensor | None = None
) -> nn.Module:
    """Build torch's layer, an `nn.Sequential` where one alone does not do it.

    Parameters
    ----------
    convolution
        What to build.
    weight, bias
        Of a single layer, copied; None is `example_weight` and `example_bias`.

    Examples
    --------
    >>> build(Convolution())
    Conv2d(1, 1, kernel_size=(3, 3), stride=(1, 1), bias=False)
    """
    names = {kind: layer for layer, kind in CLASSES.items()}
    kind = names[convolution.kind, convolution.dims]
    modules: list[nn.Module] = []
    for place in range(convolution.layers):
        if convolution.padding == "causal":
            modules.append(nn.ConstantPad1d((axes(convolution, place)[0].before, 0), 0.0))
        positional, named = _arguments(convolution, place)
        # Initial weights would be drawn from the global generator, and then overwritten.
        with torch.random.fork_rng(devices=[]):
            layer: Any = kind(*positional, **named)
        with torch.no_grad():
            if not convolution.is_pool:
                layer.weight.copy_(example_weight(convolution, place) if weight is None else weight)
            if convolution.bias:
                layer.bias.copy_(example_bias(convolution) if bias is None else bias)
        modules.append(layer)
    return modules[0] if len(modules) == 1 else nn.Sequential(*modules)


def source(convolution: Convolution) -> str:
    """Write the line of PyTorch that makes the layer.

    Examples
    --------
    >>> source(Convolution(in_channels=3, out_channels=8, stride=(2, 2), bias=True))
    'nn.Conv2d(3, 8, 3, stride=2)'
    """
    parts = []
    for place in range(convolution.layers):
        if convolution.padding == "causal":
            parts.append(f"nn.ConstantPad1d(({axes(convolution, place)[0].before}, 0), 0.0)")
        positional, named = _arguments(convolution, place)
        given = [str(value) for value in positional]
        given += [f"{name}={_literal(value)}" for name, value in named.items()]
        parts.append(f"{layer_name(convolution)}({', '.join(given)})")
    return parts[0] if len(parts) == 1 else f"nn.Sequential({', '.join(parts)})"


def _arguments(convolution: Convolution, place: int) -> tuple[list[object], dict[str, object]]:
    """Return what torch's class is called with: by place, and by name what is not the default."""
    dims = convolution.dims
    channels = [] if convolution.is_pool else [convolution.in_channels, convolution.out_channels]
    positional = [*channels, _short(convolution.kernel_size)]
    default_stride = convolution.kernel_size if convolution.is_pool else (1,) * dims
    named: dict[str, object] = {}
    if convolution.stride != default_stride:
        named["stride"] = _short(convolution.stride)
    if convolution.padding not in {"causal", (0,) * dims}:
        named["padding"] = _short(convolution.padding)
    dilation = tuple(step * 2**place for step in convolution.dilation)
    for name, sizes, nothing in (
        ("output_padding", convolution.output_padding, 0),
        ("dilation", dilation, 1),
    ):
        if set(sizes) != {nothing}:
            named[name] = _short(sizes)
    if convolution.groups != 1:
        named["groups"] = convolution.groups
    if not convolution.is_pool and not convolution.bias:
        named["bias"] = False
    for name in ("padding_mode", "ceil_mode", "count_include_pad", "divisor_override"):
        value = getattr(convolution, name)
        if value != getattr(Convolution, name):
            named[name] = value
    return positional, named


def _short(sizes: tuple[int, ...] | str) -> object:
    """Return one number for sizes that are all the same, as torch takes it."""
    return sizes[0] if isinstance(sizes, tuple) and len(set(sizes)) == 1 else sizes


def _literal(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)

"""Convolution arithmetic: which sizes go together, what comes out, and what is left over.

A `Convolution` is a setting of convolution, transposed convolution or pooling as plain data, and
an `Axis` one dimension of it.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Sizes = tuple[int, ...]

ONE, TWO = 1, 2
CONV, TRANSPOSED, MAX_POOL, AVG_POOL = "conv", "conv_transpose", "max_pool", "avg_pool"
KINDS = (CONV, TRANSPOSED, MAX_POOL, AVG_POOL)
PADDINGS = ("valid", "same", "causal")
PADDING_MODES = ("zeros", "reflect", "replicate", "circular")

_EVERY = {"input_size", "kernel_size", "stride", "padding", "in_channels"}
_WEIGHTED = {"out_channels", "groups", "bias", "dilation"}
TAKES: Mapping[str, set[str]] = {
    CONV: _EVERY | _WEIGHTED | {"padding_mode", "layers"},
    TRANSPOSED: _EVERY | _WEIGHTED | {"output_padding"},
    MAX_POOL: _EVERY | {"dilation", "ceil_mode"},
    AVG_POOL: _EVERY | {"ceil_mode", "count_include_pad", "divisor_override"},
}


@dataclass(frozen=True)
class Convolution:
    """A layer and the size of what it is given.

    Attributes
    ----------
    kind
        ``"conv"``, ``"conv_transpose"``, ``"max_pool"`` or ``"avg_pool"``.
    input_size, kernel_size, stride, dilation, output_padding
        In cells, one number for each dimension: ``(length,)`` or ``(height, width)``.
    padding
        As those, or for convolutions ``"valid"``, ``"same"``, and in one dimension ``"causal"``:
        ``dilation * (kernel_size - 1)`` cells before the first input, none behind the last.
    in_channels, out_channels, groups, bias, padding_mode, ceil_mode, count_include_pad,\
 divisor_override
        As torch's layers have them.
    layers
        Convolutions in one dimension one after the other, the dilation doubled from each to the
        next, as in WaveNet.

    References
    ----------
    .. [1] V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning", 2016,
       https://arxiv.org/abs/1603.07285
    .. [2] A. van den Oord et al., "WaveNet: a generative model for raw audio", 2016,
       https://arxiv.org/abs/1609.03499
    """

    kind: str = CONV
    input_size: Sizes = (5, 5)
    kernel_size: Sizes = (3, 3)
    stride: Sizes = (1, 1)
    padding: Sizes | str = (0, 0)
    dilation: Sizes = (1, 1)
    output_padding: Sizes = (0, 0)
    in_channels: int = 1
    out_channels: int = 1
    groups: int = 1
    bias: bool = False
    padding_mode: str = "zeros"
    ceil_mode: bool = False
    count_include_pad: bool = True
    divisor_override: int | None = None
    layers: int = 1

    @property
    def dims(self) -> int:
        """Dimensions that the kernel moves along, 1 or 2."""
        return len(self.input_size)

    @property
    def padding_misfit(self) -> bool:
        """Whether its padding is a word that its kind does not know."""
        if isinstance(self.padding, tuple):
            return False
        return self.kind != CONV or (self.padding == "causal" and self.dims == TWO)

    @property
    def is_pool(self) -> bool:
        """Whether it has no weights."""
        return self.kind in {MAX_POOL, AVG_POOL}

    def as_dict(self) -> dict[str, Any]:
        """Return it as what JSON knows."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in dataclasses.asdict(self).items()
        }


FIELDS = tuple(field.name for field in dataclasses.fields(Convolution))
SIZED = ("input_size", "kernel_size", "stride", "padding", "dilation", "output_padding")


def neutral(name: str, dims: int, in_channels: int) -> object:
    """Return the value of a field that does nothing."""
    if name == "out_channels":
        return in_channels
    value = getattr(Convolution, name)
    return value[:dims] if isinstance(value, tuple) else value


@dataclass(frozen=True)
class Axis:
    """One dimension of one layer, with the padding that it comes to."""

    kind: str
    size: int
    kernel: int
    stride: int
    dilation: int
    before: int
    behind: int
    output_padding: int = 0
    ceil_mode: bool = False

    @property
    def span(self) -> int:
        """Cells from the first to the last that the kernel touches."""
        return self.dilation * (self.kernel - 1) + 1

    @property
    def outputs(self) -> int:
        """Cells that come out; not positive where torch refuses."""
        if self.kind == TRANSPOSED:
            grown = (self.size - 1) * self.stride + self.span + self.output_padding
            return grown - self.before - self.behind
        room = self.size + self.before + self.behind - self.span
        if not self.ceil_mode:
            return room // self.stride + 1
        outputs = -(-room // self.stride) + 1
        # A last window that would begin in the padding behind the input is left out.
        return outputs - 1 if (outputs - 1) * self.stride >= self.size + self.before else outputs

    @property
    def left_over(self) -> int:
        """Cells at the far end that no window comes to, because the stride does not divide."""
        if self.kind == TRANSPOSED:
            return 0
        used = (self.outputs - 1) * self.stride + self.span
        return max(0, self.size + self.before + self.behind - used)


def axes(convolution: Convolution, layer: int = 0) -> tuple[Axis, ...]:
    """Return the dimensions of a layer, the first unless there are several.

    Examples
    --------
    >>> [axis.left_over for axis in axes(Convolution(input_size=(6, 5), stride=(2, 2)))]
    [1, 0]
    """
    found: tuple[Axis, ...] = ()
    sizes = convolution.input_size
    for index in range(layer + 1):
        found = tuple(_axis(convolution, dim, sizes[dim], index) for dim in range(convolution.dims))
        sizes = tuple(axis.outputs for axis in found)
    return found


def _axis(convolution: Convolution, dim: int, size: int, layer: int) -> Axis:
    dilation = convolution.dilation[dim] * 2**layer
    reach = dilation * (convolution.kernel_size[dim] - 1)
    before, behind = _padding(convolution.padding, dim, reach)
    return Axis(
        convolution.kind,
        size,
        convolution.kernel_size[dim],
        convolution.stride[dim],
        dilation,
        before,
        behind,
        convolution.output_padding[dim],
        convolution.ceil_mode,
    )


def _padding(padding: Sizes | str, dim: int, reach: int) -> tuple[int, int]:
    if padding == "same":
        return reach // 2, reach - reach // 2
    if padding == "causal":
        return reach, 0
    return (0, 0) if isinstance(padding, str) else (padding[dim], padding[dim])


def output_size(convolution: Convolution) -> Sizes:
    """Compute the size of what torch's layer gives.

    Returns
    -------
    tuple of int
        In cells, for each dimension.

    Examples
    --------
    >>> output_size(Convolution(input_size=(7, 5), stride=(2, 1), padding=(1, 1)))
    (4, 5)
    """
    return tuple(axis.outputs for axis in axes(convolution, convolution.layers - 1))


def receptive_field(convolution: Convolution) -> Sizes:
    """Compute how many inputs, padding among them, one output of all layers reaches back to.

    Examples
    --------
    >>> wavenet = Convolution(
    ...     input_size=(32,), kernel_size=(2,), stride=(1,), padding="causal", dilation=(1,),
    ...     output_padding=(0,), layers=4,
    ... )
    >>> receptive_field(wavenet)
    (16,)
    """
    fields = []
    for dim in range(convolution.dims):
        reach = sum(
            convolution.stride[dim] ** layer
            * convolution.dilation[dim]
            * 2**layer
            * (convolution.kernel_size[dim] - 1)
            for layer in range(convolution.layers)
        )
        fields.append(reach + 1)
    return tuple(fields)


def weight_shape(convolution: Convolution) -> Sizes:
    """Return the shape of the layer's weight as torch has it; () for a pool."""
    if convolution.is_pool:
        return ()
    inner, outer = convolution.in_channels, convolution.out_channels
    channels = (inner, outer) if convolution.kind == TRANSPOSED else (outer, inner)
    return (channels[0], channels[1] // convolution.groups, *convolution.kernel_size)


def parameter_count(convolution: Convolution) -> int:
    """Count weights and biases over all layers.

    Examples
    --------
    >>> parameter_count(Convolution(in_channels=3, out_channels=8, bias=True))
    224
    """
    if convolution.is_pool:
        return 0
    biases = convolution.out_channels if convolution.bias else 0
    return convolution.layers * (math.prod(weight_shape(convolution)) + biases)


def layer_name(convolution: Convolution) -> str:
    """Return the name of torch's class, such as ``nn.Conv2d``."""
    name = {
        CONV: "Conv",
        TRANSPOSED: "ConvTranspose",
        MAX_POOL: "MaxPool",
        AVG_POOL: "AvgPool",
    }[convolution.kind]
    return f"nn.{name}{convolution.dims}d"

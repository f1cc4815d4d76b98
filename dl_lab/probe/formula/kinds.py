"""The kinds of layers whose numbers are known, whichever library they are from.

Dimensions are those of a batch with its units behind its rows: [rows, units, …].
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from torch import Tensor  # noqa: TC002

Sizes = tuple[int, ...]


@dataclass(frozen=True)
class Convolution:
    """``y[o] = b[o] + Σ w[o] · window``; weight [out, in/groups, …].

    `then` is what a layer of Keras does itself with its sums.
    """

    weight: Tensor
    bias: Tensor | None
    stride: Sizes
    padding: tuple[tuple[int, int], ...]
    dilation: Sizes
    groups: int
    padding_mode: str
    then: Pointwise | None = None


@dataclass(frozen=True)
class TransposedConvolution:
    """``y[o] = b[o] + Σ x · w``: each input adds the kernel, times itself, to the output.

    The weight is [in, out/groups, …]; `padding` is what torch cuts off the output at each side.
    """

    weight: Tensor
    bias: Tensor | None
    stride: Sizes
    padding: Sizes
    dilation: Sizes
    groups: int

    @property
    def by_unit(self) -> Tensor:
        """The weight as a convolution has it, [out, in/groups, …]."""
        grouped = self.weight.reshape(self.groups, -1, *self.weight.shape[1:])
        return grouped.transpose(1, 2).flatten(0, 1)


@dataclass(frozen=True)
class Pooling:
    """The largest value or the mean of a window over the last `count` dimensions.

    An adaptive one has no size: it is told its output's.
    """

    count: int
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
    ``"batch"``, ``"layer"``, ``"group"``, ``"instance"``, ``"units"`` (all at one position).
    `dimensions` are a layer's own, or an instance's positions.
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
    """``y = W x + b``; weight [out, in], `then` as for a convolution."""

    weight: Tensor
    bias: Tensor | None
    then: Pointwise | Softmax | None = None


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
    """Nothing, or while training zeros by chance and the rest divided by ``1 - rate``."""

    active: bool
    rate: float


@dataclass(frozen=True)
class Lookup:
    """A row of a table, [rows, units], for each whole number; `tokens` are these."""

    weight: Tensor
    tokens: Tensor


@dataclass(frozen=True)
class Moved:
    """Values moved to other places, or constants: the function is asked which."""


@dataclass(frozen=True)
class Summed:
    """``y = Σ w · x + b`` over the argument number `argument`: the function is asked for w."""

    name: str
    argument: int


@dataclass(frozen=True)
class Computed:
    """A function of one value of each of its arguments."""

    name: str


@dataclass(frozen=True)
class Reduced:
    """A function of all values along some dimensions of the batch."""

    name: str
    dimensions: Sizes


@dataclass(frozen=True)
class Normalized:
    """``x / max(‖x‖, eps)`` along some dimensions of the batch."""

    order: float
    dimensions: Sizes
    eps: float


@dataclass(frozen=True)
class Gated:
    """``a · sigmoid(b)``: the first half along a dimension of the batch, gated by the second."""

    dimension: int


@dataclass(frozen=True)
class Recurrent:
    """A recurrent layer: its gates at each step; `mode` as torch has it."""

    mode: str
    bidirectional: bool = False
    layers: int = 1


@dataclass(frozen=True)
class Attention:
    """Multi-head attention as a layer of its own: the heads, and a linear layer over them."""


@dataclass(frozen=True)
class Inside:
    """A custom layer, known by the functions that it calls."""


Operation: TypeAlias = (
    Convolution | TransposedConvolution | Pooling | Pointwise | PerUnit | Norm | Linear | Softmax
    | Combination | Join | Mean | Reshape | Dropout | Lookup | Moved | Summed | Computed | Reduced
    | Normalized | Gated | Recurrent | Attention | Inside
)  # fmt: skip

"""One layer of a network as it was called: what went in, what came out, where from."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import torch

from dl_lab.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from dl_lab.probe.formula.kinds import Operation

# Of a single row: [units], [units, length], [units, height, width], [units, depth, height, width].
KINDS = ("vector", "lines", "maps", "volumes")


@dataclass(frozen=True)
class Layer:
    """One call of a layer.

    Attributes
    ----------
    index
        Its place in the order of the calls.
    name
        Path of the module, or name of the function.
    kind
        Class of the module, or name of the function.
    call
        0 for the first call of this module in the pass, 1 for the second.
    module
        None for a function.
    arguments
        Of a function: its arguments by name, tensors as they were when it was called.
    inputs
        The floating-point tensors that went in, with all rows of the batch, as they were before
        anything changed them in place.
    sources
        For each input the layer that made it; ``-1 - k`` is the network's k-th own input.
    output
        The first floating-point tensor that came out; None where there is none.
    rows
        How many rows the batch has.
    training
        Whether the module was in train mode.
    channels_last
        Whether the units stand last, as in Keras.
    kept
        Whether the values of `inputs`, `arguments` and `output` are there; else they are tensors on
        the device ``meta``, which have nothing but their shape.
    largest, computes
        Where they are not: the largest absolute value of row 0, if it was wanted, and what the
        layer computes, as `dl_lab.probe.formula.operation` says.
    note
        What cannot be shown, and why; None where all can.
    """

    index: int
    name: str
    kind: str
    call: int
    module: nn.Module | None
    arguments: dict[str, Any] = field(repr=False)
    inputs: tuple[Tensor, ...] = field(repr=False)
    sources: tuple[int, ...]
    output: Tensor | None = field(repr=False)
    rows: int
    training: bool = False
    channels_last: bool = False
    kept: bool = True
    largest: float | None = None
    computes: Operation | None = field(default=None, repr=False)
    note: InputError | None = None

    @functools.cached_property
    def units(self) -> Tensor | None:
        """What came out for row 0, its units first, [units, …] of at most four dimensions."""
        return None if self.output is None else units_of(self.output, self.rows, self.channels_last)

    @property
    def layout(self) -> str | None:
        """One of `KINDS`, None without an output."""
        return None if self.units is None else KINDS[self.units.ndim - 1]

    def units_at(self, at: tuple[int, ...]) -> Tensor:
        """Return what came out for row 0, its units first, if it has a value at that place.

        Raises
        ------
        InputError
            Nothing came out that can be shown, or the place is not one of the layer's.
        """
        units = self.units
        if units is None:
            raise self.note or InputError("layer_no_tensor", layer=self.name)
        if len(at) != units.ndim or any(
            not 0 <= place < size for place, size in zip(at, units.shape, strict=True)
        ):
            shape = "×".join(map(str, units.shape))
            raise InputError("no_place", layer=self.name, given=at, shape=shape)
        return units

    def units_first(self) -> Layer:
        """Return the same call with its units behind the rows, as torch has them."""
        if not self.channels_last:
            return self
        output = None if self.output is None else _turned(self.output)
        inputs = tuple(map(_turned, self.inputs))
        return replace(self, inputs=inputs, output=output, channels_last=False)

    def own_units(self, batch: Tensor) -> Tensor:
        """Return row 0 of any batch of this pass, its units first."""
        return units_of(batch, batch.shape[0] if batch.ndim else 0, self.channels_last)

    def input_units(self, which: int = 0) -> Tensor:
        """Return what went in for row 0, its units first."""
        return units_of(self.inputs[which], self.rows, self.channels_last)


def _turned(batch: Tensor) -> Tensor:
    return batch.movedim(-1, 1) if batch.ndim > 2 else batch  # noqa: PLR2004  # [rows, units]


def without_values(layer: Layer, computes: Operation | None, *, measured: bool) -> Layer:
    """Return a call with nothing but the shapes of its tensors.

    Parameters
    ----------
    layer
        With its values.
    computes
        What `operation` says of it.
    measured
        Whether its largest value is wanted.
    """
    units = layer.units
    largest = None
    if measured and units is not None and units.numel():
        largest = float(units.detach().abs().max())
    return replace(
        layer,
        arguments={
            name: shape_of(one) if isinstance(one, torch.Tensor) else one
            for name, one in layer.arguments.items()
        },
        inputs=tuple(map(shape_of, layer.inputs)),
        output=None if layer.output is None else shape_of(layer.output),
        kept=False,
        largest=largest,
        computes=computes,
    )


def shape_of(tensor: Tensor) -> Tensor:
    """Return a tensor of the same shape and type without values.

    Examples
    --------
    >>> shape_of(torch.ones(2, 3)).shape
    torch.Size([2, 3])
    """
    return _empty(tuple(tensor.shape), tensor.dtype)


@functools.lru_cache(maxsize=512)
def _empty(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    # The same few shapes again and again.
    return torch.empty(shape, dtype=dtype, device="meta")


def index_of(at: tuple[int, ...], shape: tuple[int, ...], channels_last: bool = False) -> int:
    """Return where in memory a place of units lies, counted in values.

    Examples
    --------
    >>> index_of((2, 1, 0), (3, 5, 5)), index_of((2, 1, 0), (3, 5, 5), channels_last=True)
    (55, 17)
    """
    if channels_last:
        at, shape = (*at[1:], at[0]), (*shape[1:], shape[0])
    flat = 0
    for place, size in zip(at, shape, strict=True):
        flat = flat * size + place
    return flat


def place_of(index: int, shape: tuple[int, ...], channels_last: bool = False) -> tuple[int, ...]:
    """Return the place of units that lies there in memory: what `index_of` takes.

    Examples
    --------
    >>> place_of(55, (3, 5, 5)), place_of(17, (3, 5, 5), channels_last=True)
    ((2, 1, 0), (2, 1, 0))
    """
    at: list[int] = []
    for size in reversed((*shape[1:], shape[0]) if channels_last else shape):
        index, place = divmod(index, size)
        at.append(place)
    at.reverse()
    return (at[-1], *at[:-1]) if channels_last else tuple(at)


def units_of(batch: Tensor, rows: int, channels_last: bool = False) -> Tensor:
    """Return row 0 of a batch, its units first, in one to four dimensions.

    Examples
    --------
    >>> units_of(torch.zeros(8, 3, 5, 5), 8).shape
    torch.Size([3, 5, 5])
    >>> units_of(torch.zeros(8, 2, 3, 4, 5, 6), 8).shape
    torch.Size([6, 4, 5, 6])
    """
    sample = batch[0] if batch.ndim and batch.shape[0] == rows else batch
    if channels_last and sample.ndim > 1:
        sample = sample.movedim(-1, 0)
    if sample.ndim == 0:
        return sample[None]
    extra = sample.ndim - len(KINDS)
    if extra > 0:
        sample = sample.reshape(math.prod(sample.shape[: extra + 1]), *sample.shape[extra + 1 :])
    return sample.float() if sample.dtype != torch.float32 else sample

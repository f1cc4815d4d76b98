"""One layer of a network as it was called: what went in, what came out, where from."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import torch

from dl_lab.errors import InputError
from dl_lab.probe.call import Call
from dl_lab.probe.formula.functions import arguments
from dl_lab.probe.nested import mapped

if TYPE_CHECKING:
    from torch import Tensor, nn

    from dl_lab.probe.call import Origin
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
    made
        The call itself, as it can be made again.
    inputs
        The floating-point tensors that went in, with all rows of the batch, as they were before
        anything changed them in place.
    origins
        Where each input comes from.
    output
        The first floating-point tensor that came out; None where there is none.
    batch
        Which dimension of the output counts the examples: a layer that folds frames, windows or
        heads into it has them there, too. None where none does.
    settings
        Of a module: its attributes, parameters and buffers as they were in the call.
    factors
        What single units' answers were multiplied with, by the unit.
    training
        Whether the module was in train mode.
    channels_last
        Whether the units stand last, as in Keras.
    transformed
        Whether it was called within a transform of `torch.func`, where a function is given single
        rows: its dimensions are not those of `output`.
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
    made: Call = field(repr=False)
    inputs: tuple[Tensor, ...] = field(repr=False)
    origins: tuple[Origin, ...]
    output: Tensor | None = field(repr=False)
    batch: int | None = 0
    settings: Mapping[str, Any] = field(default_factory=dict, repr=False)
    factors: Mapping[int, float] = field(default_factory=dict)
    training: bool = False
    channels_last: bool = False
    transformed: bool = False
    kept: bool = True
    largest: float | None = None
    computes: Operation | None = field(default=None, repr=False)
    note: InputError | None = None

    @property
    def sources(self) -> tuple[int, ...]:
        """For each input the layer that made it; ``-1 - k`` is the network's k-th own input."""
        return tuple(origin.source for origin in self.origins)

    @functools.cached_property
    def arguments(self) -> dict[str, Any]:
        """Of a function: its arguments by name; of a module none."""
        if self.module is not None:
            return {}
        return arguments(self.name, self.made.args, self.made.kwargs)

    @functools.cached_property
    def units(self) -> Tensor | None:
        """What came out for row 0, its units first, [units, …] of at most four dimensions."""
        if self.output is None or not self.output.numel():
            return None
        return units_of(self.output, self.batch, self.channels_last)

    @property
    def layout(self) -> str | None:
        """One of `KINDS`, None without an output."""
        return None if self.units is None else KINDS[self.units.ndim - 1]

    @property
    def answers(self) -> Tensor | None:
        """What came out for all rows, [rows, units, …]."""
        if self.output is None:
            return None
        return by_rows(self.output, self.batch, self.channels_last)

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

    def place(self, at: tuple[int, ...]) -> tuple[int, ...]:
        """Return where in `output` a place of `units` lies."""
        assert self.output is not None  # noqa: S101  # it has units
        return place_of(at, tuple(self.output.shape), self.batch, self.channels_last)

    def at(self, place: tuple[int, ...]) -> tuple[int, ...] | None:
        """Return where in `units` a place of `output` lies; None where it is another row's."""
        assert self.output is not None  # noqa: S101  # it has a place
        if self.batch is not None and place[self.batch]:
            return None
        return at_of(place, tuple(self.output.shape), self.batch, self.channels_last)

    def units_first(self) -> Layer:
        """Return the same call with its units behind the rows, as torch has them."""
        if not self.channels_last:
            return self
        output = None if self.output is None else turned(self.output)
        inputs = tuple(map(turned, self.inputs))
        return replace(self, inputs=inputs, output=output, channels_last=False)

    def like_output(self, batch: Tensor) -> Tensor:
        """Return row 0 of a tensor of the output's shape, such as its gradient, units first."""
        return units_of(batch, self.batch, self.channels_last)

    def own_units(self, batch: Tensor) -> Tensor:
        """Return row 0 of an input of the network, its units first."""
        return units_of(batch, 0 if batch.ndim else None, self.channels_last)

    def input_units(self, which: int = 0) -> Tensor:
        """Return what went in for row 0, its units first."""
        return units_of(self.inputs[which], self.origins[which].batch.rows, self.channels_last)


def turned(batch: Tensor) -> Tensor:
    """Return a batch of Keras as torch has it, [rows, units, …]."""
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
        made=Call(
            layer.made.function,
            mapped(layer.made.args, shape_of),
            mapped(dict(layer.made.kwargs), shape_of),
        ),
        settings={},
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
    if tensor.is_nested:
        # Of rows of several lengths that of the first.
        tensor = tensor.unbind()[0][None]
    return _empty(tuple(tensor.shape), tensor.dtype)


@functools.lru_cache(maxsize=512)
def _empty(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    # The same few shapes again and again.
    return torch.empty(shape, dtype=dtype, device="meta")


def _order(count: int, batch: int | None, channels_last: bool) -> tuple[list[int], int]:
    """Return the dimensions of one row, units first, and how many of them are the units'."""
    own = [one for one in range(count) if one != batch]
    if channels_last and len(own) > 1:
        own = [own[-1], *own[:-1]]
    return own, max(0, len(own) - len(KINDS)) + 1


def by_rows(tensor: Tensor, batch: int | None, channels_last: bool = False) -> Tensor:
    """Return a tensor as [rows, units, …], with one row where no dimension counts them.

    Examples
    --------
    >>> by_rows(torch.zeros(7, 3, 5), 1).shape, by_rows(torch.zeros(5), None).shape
    (torch.Size([3, 7, 5]), torch.Size([1, 5]))
    """
    own, merged = _order(tensor.ndim, batch, channels_last)
    rows = tensor[None] if batch is None else tensor
    front = 0 if batch is None else batch
    rows = rows.permute(front, *(one + (batch is None) for one in own))
    if not own:
        return rows[:, None]
    return rows.flatten(1, merged) if merged > 1 else rows


def units_of(tensor: Tensor, batch: int | None, channels_last: bool = False) -> Tensor:
    """Return row 0 of a tensor, its units first, in one to four dimensions.

    Parameters
    ----------
    tensor
        Of a layer or of the network.
    batch
        Which of its dimensions counts the examples; None where none does.
    channels_last
        Whether the units stand last, as in Keras.

    Examples
    --------
    >>> units_of(torch.zeros(8, 3, 5, 5), 0).shape, units_of(torch.zeros(7, 8, 3), 1).shape
    (torch.Size([3, 5, 5]), torch.Size([7, 3]))
    >>> units_of(torch.zeros(8, 2, 3, 4, 5, 6), 0).shape
    torch.Size([6, 4, 5, 6])
    """
    if tensor.is_nested:
        tensor, batch = tensor.unbind()[0], None
    elif tensor.layout is not torch.strided:
        tensor = tensor.to_dense()
    first = tensor if batch is None else tensor.narrow(batch, 0, min(1, tensor.shape[batch]))
    sample = by_rows(first, batch, channels_last)[0]
    return sample.float() if sample.dtype in {torch.bfloat16, torch.float16} else sample


def cells_of(tensor: Tensor, unit: int, batch: int | None, channels_last: bool = False) -> Tensor:
    """Return a view of what a unit answers in all rows; of one that is not there nothing.

    Examples
    --------
    >>> cells_of(torch.zeros(8, 3, 5, 5), 2, 0).shape, cells_of(torch.zeros(7, 8, 3), 6, 1).shape
    (torch.Size([8, 5, 5]), torch.Size([8, 3]))
    """
    own, merged = _order(tensor.ndim, batch, channels_last)
    if unit >= math.prod(tensor.shape[one] for one in own[:merged]):
        return tensor[:0] if tensor.ndim else tensor[None][:0]
    place: list[int | slice] = [slice(None)] * tensor.ndim
    for one in reversed(own[:merged]):
        unit, place[one] = divmod(unit, tensor.shape[one])
    return tensor[tuple(place)]


def place_of(
    at: Sequence[int], shape: Sequence[int], batch: int | None = 0, channels_last: bool = False
) -> tuple[int, ...]:
    """Return where in a tensor of that shape a place of its units lies, in its first row.

    Examples
    --------
    >>> place_of((2, 1, 0), (8, 3, 5, 5)), place_of((2, 1, 0), (8, 5, 5, 3), channels_last=True)
    ((0, 2, 1, 0), (0, 1, 0, 2))
    """
    own, merged = _order(len(shape), batch, channels_last)
    place = [0] * len(shape)
    unit = at[0]
    for one in reversed(own[:merged]):
        unit, place[one] = divmod(unit, shape[one])
    for one, index in zip(own[merged:], at[1:], strict=True):
        place[one] = index
    return tuple(place)


def at_of(
    place: Sequence[int], shape: Sequence[int], batch: int | None = 0, channels_last: bool = False
) -> tuple[int, ...]:
    """Return the place of units that lies there in a tensor: what `place_of` takes.

    Examples
    --------
    >>> at_of((0, 1, 0, 2), (8, 5, 5, 3), channels_last=True)
    (2, 1, 0)
    """
    own, merged = _order(len(shape), batch, channels_last)
    unit = 0
    for one in own[:merged]:
        unit = unit * shape[one] + place[one]
    return (unit, *(place[one] for one in own[merged:]))


def flat_of(place: Sequence[int], shape: Sequence[int]) -> int:
    """Return how many values of a tensor lie before a place.

    Examples
    --------
    >>> flat_of((1, 2), (4, 3))
    5
    """
    flat = 0
    for index, size in zip(place, shape, strict=True):
        flat = flat * size + index
    return flat


def unflat(flat: int, shape: Sequence[int]) -> tuple[int, ...]:
    """Return the place before which so many values of a tensor lie.

    Examples
    --------
    >>> unflat(5, (4, 3))
    (1, 2)
    """
    place: list[int] = []
    for size in reversed(shape):
        flat, index = divmod(flat, size)
        place.append(index)
    return tuple(reversed(place))


def units_of_flat(
    flat: Tensor, shape: Sequence[int], batch: int | None, channels_last: bool = False
) -> Tensor:
    """Return which unit each of a tensor's values belongs to, by how many lie before it.

    Examples
    --------
    >>> units_of_flat(torch.tensor([0, 26, 74]), (1, 3, 5, 5), 0).tolist()
    [0, 1, 2]
    """
    own, merged = _order(len(shape), batch, channels_last)
    unit = torch.zeros_like(flat)
    for one in own[:merged]:
        unit = unit * shape[one] + flat // math.prod(shape[one + 1 :]) % shape[one]
    return unit

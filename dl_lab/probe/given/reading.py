"""How what people give is read: what a model is called with, and where its examples lie.

Nothing is guessed from names or sizes alone: a way to read it counts if the model takes it, and if
what it answers to one example is what it answers to that one among others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from dl_lab.errors import InputError
from dl_lab.probe.capture import Capture, ModelError
from dl_lab.probe.given.agreement import agree, parts_of_last
from dl_lab.probe.looks.own_random import other_numbers
from dl_lab.probe.nested import mapped, shapes, tensors_in

if TYPE_CHECKING:
    from dl_lab.probe.recorder import Inputs

Dimensions: TypeAlias = "tuple[int | None, ...]"
Run: TypeAlias = "Callable[[Inputs, Dimensions], Capture]"

_CONVOLUTIONS: dict[type[nn.Module], int] = {nn.Conv1d: 3, nn.Conv2d: 4, nn.Conv3d: 5}
_MOST_WHOLE = 4_000_000
"""Values of which many rows may be tried at once without being asked for."""
_FEW = 32


@dataclass(frozen=True)
class Reading:
    """One way to call a model with what was given.

    Attributes
    ----------
    inputs
        What the model is called with: a tuple, or a dictionary by the names of its arguments.
    dimensions
        For each tensor in it the dimension that counts the examples; None where none does, and
        the tensor goes along with each of them.
    count
        How many examples there are.
    whole
        Whether all is one input, of which nothing may be cut.
    entries
        Whether the examples are the entries of a list, the only argument.
    """

    inputs: Any
    dimensions: Dimensions
    count: int
    whole: bool = False
    entries: bool = False

    def take(self, rows: Sequence[int]) -> Any:  # noqa: ANN401  # as nested as the inputs
        """Return some of the examples, in that order.

        Examples
        --------
        >>> reading = Reading((torch.arange(6).view(2, 3), 7), (1,), 3)
        >>> reading.take([2, 0])
        (tensor([[2, 0],
                [5, 3]]), 7)
        """
        if self.whole:
            return self.inputs
        if self.entries:
            (given,) = self.inputs
            return ([given[row] for row in rows],)
        dimensions = iter(self.dimensions)

        def chosen(tensor: Tensor) -> Tensor:
            dimension = next(dimensions)
            if dimension is None:
                return tensor
            return tensor.index_select(dimension, torch.tensor(rows, device=tensor.device))

        return mapped(self.inputs, chosen)

    def of(self, taken: Any) -> Dimensions:  # noqa: ANN401  # from `take`
        """Return the dimension of the examples for each tensor of what was taken."""
        return (None,) * len(tensors_in(taken)) if self.entries else self.dimensions


def read(
    given: Any,  # noqa: ANN401  # whatever a model takes
    model: nn.Module,
    run: Run,
    *,
    batch_dim: int | Sequence[int | None] | None = None,
    whole: bool = False,
) -> Reading:
    """Find out how a model takes what was given.

    Parameters
    ----------
    given
        Tensors, nested in any way.
    model
        The model.
    run
        Looks at the model with some inputs and the dimensions that count their examples.
    batch_dim
        The dimension that counts the examples, of all tensors or of each; None finds it out.
    whole
        Whether all is one input.

    Raises
    ------
    InputError
        The model takes it in no way, or not so.

    Examples
    --------
    >>> from dl_lab.probe.capture import capture
    >>> lstm = nn.LSTM(4, 8)
    >>> run = lambda inputs, batch: capture(lstm, inputs, batch=batch)
    >>> found = read((torch.rand(7, 3, 4), (torch.zeros(1, 3, 8),) * 2), lstm, run)
    >>> found.count, found.dimensions
    (3, (1, 1, 1))
    """
    search = _Search(run)
    for inputs in _calls(given):
        found = search.explicit(inputs, batch_dim, whole)
        if found is None and batch_dim is None and not whole:
            found = search.found(inputs)
        if found is not None:
            return found
    if not search.errors:
        raise InputError("model_depends", given=shapes(given))
    if batch_dim is None and not whole:
        for inputs in _completed(given, model):
            found = search.rows(inputs)
            if found is not None:
                return found
    error = max(search.errors, key=lambda one: one.reached)
    told = {name: error.params[name] for name in ("kind", "detail")}
    raise InputError("model_refused", **told, given=shapes(given)) from error.__cause__


class _Search:
    """Tries one way after the other, and keeps what the model raised."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.errors: list[ModelError] = []

    def explicit(
        self,
        inputs: Any,  # noqa: ANN401
        batch_dim: int | Sequence[int | None] | None,
        whole: bool,  # as it was given
    ) -> Reading | None:
        """Return the reading that was asked for, None if the model does not take it."""
        if whole:
            reading = _whole(inputs)
        elif batch_dim is not None:
            reading = _along(inputs, batch_dim)
        else:
            return None
        return None if self._seen(reading, [0]) is None else reading

    def found(self, inputs: Any) -> Reading | None:  # noqa: ANN401
        """Return the first reading of a call that holds, the whole at last."""
        for reading in _candidates(inputs):
            if self._holds(reading):
                return reading
        single = self._single(inputs)
        if single is not None:
            return single
        for reading in _later(inputs):
            if self._holds(reading):
                return reading
        reading = _whole(inputs)
        if not _is_small(inputs):
            return None
        return None if self._seen(reading, [0]) is None else reading

    def rows(self, inputs: Any) -> Reading | None:  # noqa: ANN401
        """Return the reading with examples in the first dimension, if it holds."""
        return next(filter(self._holds, _candidates(inputs)), None)

    def _seen(self, reading: Reading, rows: Sequence[int]) -> Capture | None:
        taken = reading.take(rows)
        try:
            return self._run(taken, reading.of(taken))
        except ModelError as error:
            self.errors.append(error)
            return None

    def _holds(self, reading: Reading) -> bool:
        """Tell whether the model takes an example alone, and answers as it does among others."""
        last = reading.count - 1
        one = self._seen(reading, [last])
        if one is None or reading.entries:
            return one is not None
        told = _says(one, reading)
        if told is not None:
            return told
        if reading.count == 1:
            return _counts_one(one, reading)
        # Two equal rows where sequences of several lengths are padded to the longest.
        for rows in ([last - 1, last], [last, last]):
            many = self._seen(reading, rows)
            if many is None:
                # A model that takes one at a time does not take all at once, either.
                inputs = reading.inputs
                return not _is_small(inputs) or self._seen(_whole(inputs), [0]) is None
            pairs = parts_of_last(many, one)
            if pairs is not None:
                return bool(pairs) and (agree(pairs) or self._draws(reading, one))
        return False

    def _draws(self, reading: Reading, one: Capture) -> bool:
        """Tell whether the model draws random numbers: another time it answers otherwise."""
        with other_numbers(one.inputs):
            other = self._seen(reading, [reading.count - 1])
        if other is None:
            return False
        mine, others = tensors_in(one.output), tensors_in(other.output)
        return not agree(list(zip(mine, others, strict=False)))

    def _single(self, inputs: Any) -> Reading | None:  # noqa: ANN401
        """Return a tensor as the only example, without a batch, if that makes no difference."""
        alone = _alone(inputs)
        if alone is None or not _is_small(inputs):
            return None
        whole = self._seen(_whole(inputs), [0])
        if whole is None:
            return None
        reading = Reading((alone[None],), (0,), 1)
        one = self._seen(reading, [0])
        if one is None:
            return None
        mine, others = tensors_in(one.output), tensors_in(whole.output)
        same = len(mine) == len(others) and all(
            a.shape == (1, *b.shape) for a, b in zip(mine, others, strict=True)
        )
        if not same or not mine:
            return None
        return reading if agree([(a[0], b) for a, b in zip(mine, others, strict=True)]) else None


def _calls(given: Any) -> Iterator[Any]:  # noqa: ANN401
    """Yield how a model may be called with what was given: as it is, or as its arguments."""
    if isinstance(given, Mapping):
        yield dict(given)
        yield (given,)
    elif isinstance(given, list):
        yield (given,)
        yield tuple(given)
        alike = all(isinstance(one, Tensor) and one.shape == given[0].shape for one in given)
        if alike:
            yield (torch.stack(given),)
    elif isinstance(given, tuple) and not isinstance(given, PackedSequence):
        yield tuple(given)
        yield (given,)
    else:
        yield (given,)


def _candidates(inputs: Any) -> Iterator[Reading]:  # noqa: ANN401
    """Yield where the examples may lie: entries of a list, the first dimension of all tensors."""
    tensors = tensors_in(inputs)
    if not _can_be_cut(inputs):
        return
    entries = _entries(inputs)
    if entries:
        yield Reading(inputs, (), entries, entries=True)
    first = next((one for one in tensors if one.ndim), None)
    if first is None:
        return
    rows = first.shape[0]
    along = tuple(_place(one, rows, (0,)) for one in tensors)
    yield Reading(inputs, along, rows)
    if any(one.ndim > 1 and one.shape[0] != rows and one.shape[1] == rows for one in tensors):
        # The hidden state of a recurrent layer has its layers first.
        yield Reading(inputs, tuple(_place(one, rows, (0, 1)) for one in tensors), rows)
    if along.count(0) > 1:
        # A mask of as many rows as there happen to be examples goes along with each.
        yield Reading(inputs, tuple(0 if one is first else None for one in tensors), rows)


def _later(inputs: Any) -> Iterator[Reading]:  # noqa: ANN401
    """Yield examples in the second dimension: time comes first."""
    tensors = tensors_in(inputs)
    first = next((one for one in tensors if one.ndim > 1), None)
    if first is not None and _can_be_cut(inputs):
        rows = first.shape[1]
        yield Reading(inputs, tuple(_place(one, rows, (1, 0)) for one in tensors), rows)


def _place(tensor: Tensor, rows: int, dimensions: Sequence[int]) -> int | None:
    for dimension in dimensions:
        if tensor.is_nested:
            break
        if tensor.ndim > dimension and tensor.shape[dimension] == rows:
            return dimension
    return None


def _whole(inputs: Any) -> Reading:  # noqa: ANN401
    """Return all as one input, whose rows, where it has several, are the first tensor's."""
    tensors = tensors_in(inputs)
    rows = next((one.size(0) for one in tensors if one.ndim > 1), 0)
    return Reading(inputs, tuple(_place(one, rows, (0,)) for one in tensors), 1, whole=True)


def _along(inputs: Any, batch_dim: int | Sequence[int | None]) -> Reading:  # noqa: ANN401
    """Return the examples along the dimensions that a person names."""
    tensors = tensors_in(inputs)
    wanted: Sequence[int | None]
    if isinstance(batch_dim, int):
        wanted = [batch_dim if one.ndim > batch_dim else None for one in tensors]
    else:
        wanted = batch_dim
    told = {"given": shapes(inputs), "batch_dim": batch_dim}
    if len(wanted) != len(tensors):
        raise InputError("batch_dim_count", **told, count=len(tensors))
    pairs = [(one, at) for one, at in zip(tensors, wanted, strict=True) if at is not None]
    if not pairs or any(not 0 <= at < one.ndim for one, at in pairs):
        raise InputError("batch_dim_missing", **told)
    counts = {one.shape[at] for one, at in pairs}
    if len(counts) != 1 or 0 in counts:
        raise InputError("batch_dim_differs", **told, counts=", ".join(map(str, sorted(counts))))
    return Reading(inputs, tuple(wanted), counts.pop())


def _entries(inputs: Any) -> int:  # noqa: ANN401
    """Return how many entries the only argument has, if it is a list of examples; else 0."""
    if not (isinstance(inputs, tuple) and len(inputs) == 1 and isinstance(inputs[0], list)):
        return 0
    given = inputs[0]
    batched = [isinstance(one, Tensor) and one.ndim > 3 for one in given]  # noqa: PLR2004  # images
    return len(given) if all(map(tensors_in, given)) and not all(batched) else 0


def _alone(inputs: Any) -> Tensor | None:  # noqa: ANN401
    """Return the tensor that is the only input."""
    if isinstance(inputs, tuple) and len(inputs) == 1 and isinstance(inputs[0], Tensor):
        return inputs[0] if inputs[0].layout is torch.strided and _can_be_cut(inputs) else None
    return None


def _completed(given: Any, model: nn.Module) -> Iterator[Any]:  # noqa: ANN401
    """Yield images with the channel or the batch that the first convolution misses, and a row."""
    tensor = _alone(next(_calls(given)))
    if tensor is None:
        return
    found = (module for module in model.modules() if type(module) in _CONVOLUTIONS)
    first: Any = next(found, None)
    missing = 0 if first is None else _CONVOLUTIONS[type(first)] - tensor.ndim
    if missing and first.in_channels == 1:
        if missing == 1:
            yield (tensor[:, None],)
        elif missing == 2:  # noqa: PLR2004
            yield (tensor[None, None],)
    yield (tensor[None],)


def _can_be_cut(inputs: Any) -> bool:  # noqa: ANN401
    if isinstance(inputs, tuple):
        if isinstance(inputs, PackedSequence):
            return False
        return all(map(_can_be_cut, inputs))
    if isinstance(inputs, (list, dict)):
        return all(map(_can_be_cut, inputs.values() if isinstance(inputs, dict) else inputs))
    if isinstance(inputs, Tensor):
        return inputs.layout in {torch.strided, torch.sparse_coo} and not inputs.is_nested
    return True


def _is_small(inputs: Any) -> bool:  # noqa: ANN401
    """Tell whether all may be tried at once without being asked for.

    That of many images or sequences could fill the memory.
    """
    tensors = tensors_in(inputs)
    if not _can_be_cut(inputs):
        return True
    rows = next((one.shape[0] for one in tensors if one.ndim), 0)
    alike = len({one.shape[:1] for one in tensors}) == 1 and any(one.ndim > 2 for one in tensors)  # noqa: PLR2004  # [rows, values]
    if not alike or rows <= _FEW:
        return True
    return sum(one.numel() for one in tensors) <= _MOST_WHOLE


def _says(one: Capture, reading: Reading) -> bool | None:
    """Tell whether the first layer takes the only input as a batch, None if it does not say so."""
    if len(reading.dimensions) != 1 or reading.dimensions[0] != 0:
        return None
    shape = one.inputs[0].shape
    for layer in one.layers:
        if layer.sources and layer.sources[0] == -1:
            kinds = [kind for kind in _CONVOLUTIONS if isinstance(layer.module, kind)]
            if not kinds or layer.inputs[0].shape != shape:
                return None
            return len(shape) == _CONVOLUTIONS[kinds[0]]
    return None


def _counts_one(one: Capture, reading: Reading) -> bool:
    """Tell whether the answer to the only example has one row, too."""
    found = [tensor for tensor in tensors_in(one.output) if tensor.ndim]
    at = next((place for place in reading.dimensions if place is not None), 0)
    if isinstance(one.output, list) and len(one.output) == 1:
        return True
    return not found or any(tensor.ndim > at and tensor.shape[at] == 1 for tensor in found)

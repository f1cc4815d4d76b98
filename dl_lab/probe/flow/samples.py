"""A few numbers of a tensor, taken at once: it may be written over, or gone, a moment later."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from dl_lab.probe.held import is_wrapped

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from torch import Tensor

MOST = 4096
"""Numbers of a tensor at most."""

_HALVES = (torch.bfloat16, torch.float16)
_LEAST_UNITS = 64


@dataclass(frozen=True)
class Sample:
    """What was seen of a tensor.

    Attributes
    ----------
    values
        At most `MOST` of its numbers, evenly spread over each dimension; of complex numbers their
        absolute values.
    extremes
        Its smallest and its largest number, of all: not finite where one is not.
    alive
        Of the units among `values` which of them are not 0 everywhere, in the whole tensor; None
        where it has no units.
    """

    values: Tensor
    extremes: tuple[Tensor, Tensor]
    alive: Tensor | npt.NDArray[np.bool_] | None


def sample(tensor: Tensor, unit: int | None) -> Sample | None:
    """Look at a tensor; None where it has no numbers that could be measured.

    Parameters
    ----------
    tensor
        On any device. An accelerator is not waited for.
    unit
        Along which dimension its units lie, or None.

    Examples
    --------
    >>> seen = sample(torch.tensor([[0.0, 1.0, 0.0], [0.0, float("nan"), 2.0]]), 1)
    >>> seen.values.tolist(), [one.item() for one in seen.extremes], seen.alive.tolist()
    ([[0.0, 1.0, 0.0], [0.0, nan, 2.0]], [nan, nan], [False, True, True])
    >>> sample(torch.tensor([1, 2]), None) is None
    True
    """
    if not _has_numbers(tensor):
        return None
    whole = tensor.detach()
    if whole.is_complex():
        whole = whole.abs()
    places = spread(tuple(whole.shape), unit)
    part = whole[places] if any(place.step != 1 for place in places) else whole
    values = part.float() if part.dtype in _HALVES else part.clone()
    return Sample(values, torch.aminmax(whole), _alive(whole, values, places, unit))


def _has_numbers(tensor: Tensor) -> bool:
    known = tensor.layout is torch.strided and not (tensor.is_nested or tensor.is_meta)
    numbers = tensor.is_floating_point() or tensor.is_complex()
    return known and numbers and not is_wrapped(tensor) and tensor.numel() > 0


def _alive(
    whole: Tensor, values: Tensor, places: Sequence[slice], unit: int | None
) -> Tensor | npt.NDArray[np.bool_] | None:
    if unit is None or whole.ndim <= unit:
        return None
    if not whole.is_cpu:
        # Of all its rows and positions at once: nothing there is to be waited for.
        return _any(whole[(slice(None),) * unit + (places[unit],)].ne(0), unit)
    numbers = values.numpy()
    if np.count_nonzero(numbers) == numbers.size:
        return np.ones(numbers.shape[unit], dtype=bool)
    others = tuple(axis for axis in range(numbers.ndim) if axis != unit)
    alive: npt.NDArray[np.bool_] = (numbers != 0).any(axis=others)
    if alive.all() or numbers.size == whole.numel():
        return alive
    # Silent where it was sampled; only the rest can tell.
    silent = np.flatnonzero(~alive)
    start, step = places[unit].start, places[unit].step
    rest = whole.index_select(unit, torch.from_numpy(start + step * silent))
    alive[silent] = _any(rest.ne(0), unit).numpy()
    return alive


def _any(truths: Tensor, unit: int) -> Tensor:
    return truths.movedim(unit, 0).flatten(1).any(1)


@functools.lru_cache(maxsize=4096)
def spread(shape: tuple[int, ...], unit: int | None, most: int = MOST) -> tuple[Any, ...]:
    """Return slices that leave at most so many numbers of a tensor, some along each dimension.

    Examples
    --------
    >>> spread((8, 4), 1)
    (slice(0, None, 1), slice(0, None, 1))
    >>> torch.zeros(64, 128, 32, 32)[spread((64, 128, 32, 32), 1)].shape
    torch.Size([4, 43, 2, 5])
    """
    steps = [1] * len(shape)

    def size(axis: int) -> int:
        # The first place is in the middle of a step.
        return -(-(shape[axis] - steps[axis] // 2) // steps[axis])

    def total() -> int:
        return int(np.prod([size(axis) for axis in range(len(shape))], dtype=np.int64))

    while total() > most:
        # Units come last, where they are not too many.
        axis = max(
            range(len(shape)),
            key=lambda one: (one != unit or size(one) > _LEAST_UNITS, size(one)),
        )
        # Odd ones, so that what alternates is seen from both sides.
        steps[axis] = 2 * steps[axis] + 1
    return tuple(slice(step // 2, None, step) for step in steps)

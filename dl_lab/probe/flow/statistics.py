"""What is told of each node: how large its numbers and gradients are, how much of it is dead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from dl_lab.probe.flow.samples import Sample

NAN, INFINITE, GRADIENT_NAN, GRADIENT_INFINITE = 1, 2, 4, 8
"""Bits of `Statistics.flags`."""


@dataclass(frozen=True)
class Statistics:
    """Of each node of a graph, by its index; NaN where nothing is known.

    Attributes
    ----------
    rms, mean
        f4 [n]: log10 of the root of the mean square, and the mean, of its numbers that are finite;
        −∞ where all are 0.
    dead
        f4 [n]: the share of its units that are 0 for all rows, everywhere.
    gradient_rms, gradient_mean, gradient_dead
        Of the gradient of the loss by it the same.
    flags
        u1 [n]: `NAN` and `INFINITE` where one of its numbers is, `GRADIENT_NAN` and
        `GRADIENT_INFINITE` where one of its gradients is.
    rows
        How many rows of the batch this tells of.
    """  # noqa: RUF002  # a true minus

    rms: npt.NDArray[np.float32]
    mean: npt.NDArray[np.float32]
    dead: npt.NDArray[np.float32]
    gradient_rms: npt.NDArray[np.float32]
    gradient_mean: npt.NDArray[np.float32]
    gradient_dead: npt.NDArray[np.float32]
    flags: npt.NDArray[np.uint8]
    rows: int


class Tally:
    """Samples of tensors, counted over several passes of other rows.

    Parameters
    ----------
    count
        Of the nodes.

    Examples
    --------
    >>> from dl_lab.probe.flow.samples import sample
    >>> tally = Tally(2)
    >>> tally.add({1: sample(torch.tensor([[3.0, 0.0]]), 1)})
    >>> tally.add({1: sample(torch.tensor([[4.0, 0.0]]), 1)})
    >>> (10.0 ** tally.rms).round(3).tolist(), tally.mean.tolist(), tally.dead.tolist()
    ([nan, 2.5], [nan, 1.75], [nan, 0.5])
    """

    def __init__(self, count: int) -> None:
        self._counts = np.zeros(count)
        self._sums = np.zeros(count)
        self._squares = np.zeros(count)
        self._flags = np.zeros(count, dtype=np.uint8)
        self._alive: dict[int, npt.NDArray[np.bool_]] = {}
        self._summed: dict[int, npt.NDArray[np.float64]] = {}

    def add(self, samples: Mapping[int, Sample], summed: frozenset[int] = frozenset()) -> None:
        """Count what a pass showed.

        Parameters
        ----------
        samples
            By the indices of the nodes.
        summed
            Those that a pass adds to: gradients of weights are sums over all rows.
        """
        if not samples:
            return
        indices = list(samples)
        flat = _fetched([one.values for one in samples.values()])
        self._flags |= flags_of(samples, len(self._flags))
        for index, numbers in zip(indices, flat, strict=True):
            if index in summed:
                before = self._summed.get(index)
                with np.errstate(invalid="ignore"):
                    self._summed[index] = numbers if before is None else before + numbers
        plain = [place for place, index in enumerate(indices) if index not in summed]
        if plain:
            self._count([indices[place] for place in plain], [flat[place] for place in plain])
        for index, one in samples.items():
            if one.alive is not None:
                self._wake(index, np.asarray(_on_cpu(one.alive)))

    def _count(self, indices: list[int], flat: list[npt.NDArray[np.float64]]) -> None:
        sizes = np.array([len(numbers) for numbers in flat])
        numbers = np.concatenate(flat)
        finite = np.isfinite(numbers)
        numbers = np.where(finite, numbers, 0.0)
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        with np.errstate(over="ignore"):
            self._counts[indices] += np.add.reduceat(finite, starts, dtype=float)
            self._sums[indices] += np.add.reduceat(numbers, starts)
            self._squares[indices] += np.add.reduceat(numbers * numbers, starts)

    def _wake(self, index: int, alive: npt.NDArray[np.bool_]) -> None:
        before = self._alive.get(index)
        same = before is not None and before.shape == alive.shape
        self._alive[index] = before | alive if before is not None and same else alive

    def scale(self, factor: float) -> None:
        """Multiply what passes have added up: the sums of all rows, from those of some."""
        self._summed = {index: factor * numbers for index, numbers in self._summed.items()}

    def _told(self) -> tuple[npt.NDArray[np.float64], ...]:
        counts, sums, squares = self._counts.copy(), self._sums.copy(), self._squares.copy()
        for index, numbers in self._summed.items():
            finite = numbers[np.isfinite(numbers)]
            counts[index], sums[index] = len(finite), finite.sum()
            squares[index] = finite.dot(finite)
        return counts, sums, squares

    @property
    def rms(self) -> npt.NDArray[np.float32]:
        """Log10 of the root of the mean square."""
        counts, _, squares = self._told()
        with np.errstate(divide="ignore", invalid="ignore"):
            return (np.log10(squares / counts) / 2).astype("f4")

    @property
    def mean(self) -> npt.NDArray[np.float32]:
        """The mean."""
        counts, sums, _ = self._told()
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return (sums / counts).astype("f4")

    @property
    def dead(self) -> npt.NDArray[np.float32]:
        """The share of the units that were 0 in all passes."""
        found = np.full(len(self._counts), np.nan, dtype="f4")
        for index, alive in self._alive.items():
            found[index] = 1 - alive.mean()
        return found

    @property
    def flags(self) -> npt.NDArray[np.uint8]:
        """`NAN` and `INFINITE`."""
        return self._flags


def flags_of(samples: Mapping[int, Sample], count: int) -> npt.NDArray[np.uint8]:
    """Return `NAN` and `INFINITE` of each of so many nodes, of all numbers of its tensor."""
    found = np.zeros(count, dtype=np.uint8)
    if samples:
        ends = _fetched([torch.stack(one.extremes) for one in samples.values()])
        extremes = np.stack(ends)
        nan, infinite = np.isnan(extremes).any(axis=1), np.isinf(extremes).any(axis=1)
        found[list(samples)] = NAN * nan.view("u1") + INFINITE * infinite.view("u1")
    return found


def statistics(values: Tally, gradients: Tally, rows: int) -> Statistics:
    """Return what two tallies tell of each node."""
    return Statistics(
        values.rms,
        values.mean,
        values.dead,
        gradients.rms,
        gradients.mean,
        gradients.dead,
        values.flags | 4 * gradients.flags,
        rows,
    )


def _on_cpu(value: torch.Tensor | npt.NDArray[np.bool_]) -> torch.Tensor | npt.NDArray[np.bool_]:
    return value.cpu() if isinstance(value, torch.Tensor) else value


def _fetched(tensors: Sequence[torch.Tensor]) -> list[npt.NDArray[np.float64]]:
    """Return tensors as flat arrays; each device is waited for once for each type of numbers."""
    groups: dict[tuple[torch.device, torch.dtype], list[int]] = {}
    for place, one in enumerate(tensors):
        groups.setdefault((one.device, one.dtype), []).append(place)
    found: list[npt.NDArray[np.float64]] = [_NONE] * len(tensors)
    for (_, kind), places in groups.items():
        joined = torch.cat([tensors[place].reshape(-1) for place in places]).cpu()
        # Widened here: some devices have no float64.
        wide = (joined.float() if kind in _HALVES else joined).numpy().astype("f8")
        ends = np.cumsum([tensors[place].numel() for place in places])
        for place, numbers in zip(places, np.split(wide, ends[:-1]), strict=True):
            found[place] = numbers
    return found


_HALVES = (torch.bfloat16, torch.float16)
_NONE = np.zeros(0)

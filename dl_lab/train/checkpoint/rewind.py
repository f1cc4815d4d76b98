"""Earlier states of a run, kept in memory to go back to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from dl_lab.errors import InputError
from dl_lab.train.checkpoint.state import Place

Kept = Any

MOST_BYTES = 512 * 2**20


class Checkpoints:
    """The states at some epochs' ends, thinned evenly as they become more.

    Every state whose epoch is a multiple of the stride is kept. Once there are more than `most`,
    the stride doubles. So which are kept depends on nothing but their number. The newest is kept
    in any case, and so is the beginning, which does not count.

    Parameters
    ----------
    most
        How many; 0 for none.
    most_bytes
        How much memory they may take together. States that are larger than that are not kept.

    Examples
    --------
    >>> checkpoints = Checkpoints(most=3)
    >>> for epoch in range(10):
    ...     checkpoints.add(epoch, 100 * epoch, dict)
    >>> checkpoints.steps
    (0, 400, 800, 900)
    """

    def __init__(self, most: int, most_bytes: int = MOST_BYTES) -> None:
        self.most = most
        self._most_bytes = most_bytes
        self._stride = 1
        self._kept: dict[int, tuple[int, Kept]] = {}
        self._size = 0

    @property
    def steps(self) -> tuple[int, ...]:
        """The steps there are, in order."""
        return tuple(self._kept)

    def begin(self, make: Callable[[], Kept]) -> None:
        """Forget all and take the present state for the beginning."""
        self._kept.clear()
        self._stride = 1
        self.add(0, 0, make)

    def add(self, epoch: int, step: int, make: Callable[[], Kept]) -> None:
        """Keep the present state.

        Parameters
        ----------
        epoch, step
            How many are done.
        make
            Copies the state; called only if there is room for it.
        """
        if epoch and (not self.most or self._size > self._most_bytes):
            return
        state = make()
        if not epoch:
            self._size = 0
        else:
            self._size = size_of(state)
            if self._size > self._most_bytes:
                return
        # The newest one stays only until there is a newer.
        newest = next(reversed(self._kept), None)
        if newest is not None and self._kept[newest][0] % self._stride:
            del self._kept[newest]
        self._kept.pop(step, None)
        self._kept[step] = (epoch, state)
        self._thin(step)

    def _thin(self, newest: int) -> None:
        room = self.most if not self._size else min(self.most, self._most_bytes // self._size)
        while len(self._kept) - 1 > max(1, room):
            self._stride *= 2
            self._kept = {
                step: kept
                for step, kept in self._kept.items()
                if step == newest or not kept[0] % self._stride
            }
            if self._stride > 2**32:  # only the beginning and the newest are left
                return

    def go_back(self, step: int) -> Kept:
        """Return the state of `step`, and forget those after it.

        Raises
        ------
        InputError
            None is kept; the sentence lists those that are.
        """
        state = self.look(step)
        self._kept = {kept: value for kept, value in self._kept.items() if kept <= step}
        return state

    @property
    def epochs(self) -> tuple[int, ...]:
        """How many epochs were done at each of `steps`."""
        return tuple(epoch for epoch, _ in self._kept.values())

    def look(self, step: int) -> Kept:
        """Return the state of `step`, which stays where it is.

        Raises
        ------
        InputError
            None is kept; the sentence lists those that are.
        """
        if step not in self._kept:
            allowed = ", ".join(map(str, self._kept))
            raise InputError("no_checkpoint", given=step, allowed=allowed)
        return self._kept[step][1]

    def clear(self) -> None:
        """Forget all."""
        self._kept.clear()
        self._stride = 1


def size_of(value: object) -> int:
    """Return the bytes of all tensors in a `Place`, nested dictionaries, lists and tuples.

    Examples
    --------
    >>> import torch
    >>> size_of({"weight": torch.zeros(3), "more": [torch.zeros(2)]})
    20
    """
    if isinstance(value, Tensor):
        return value.numel() * value.element_size()
    if isinstance(value, Place):
        return value.objects.nbytes
    if isinstance(value, Mapping):
        return sum(map(size_of, value.values()))
    if isinstance(value, (list, tuple)):
        return sum(map(size_of, value))
    return 0

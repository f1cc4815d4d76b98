"""Random numbers for training alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dl_lab.kept.draws import BOTH, NUMPY, PYTHON
from dl_lab.kept.generators import CPU, begun, global_generators, set_state, state_of
from dl_lab.probe.looks.own_random import IN_PLACE, SWAPPING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import torch

# Where they stand among the global generators.
_PLACES = {1: PYTHON, 2: NUMPY}


class RandomStream:
    """States of Python's, numpy's and torch's global generators that only training uses.

    Dropout and data loaders draw from the global generators and take no other, so steps run between
    `enter` and `leave`, or inside ``with stream:``, which put the stream in their place and
    afterwards the person's own states back. What another thread draws meanwhile comes from the
    stream.

    Parameters
    ----------
    seed
        Where the stream begins; None for where the global generators stand now.
    device
        Where the model draws, if not on the CPU alone.

    Examples
    --------
    >>> import torch
    >>> stream = RandomStream(seed=1)
    >>> with stream:
    ...     first = torch.rand(1)
    >>> stream.restart()
    >>> with stream:
    ...     bool(first == torch.rand(1))
    True
    """

    def __init__(self, seed: int | None = None, device: torch.device = CPU) -> None:
        self._generators = global_generators(device)
        self._used = [*range(len(self._generators))]
        self.first: tuple[Any, ...] = tuple(
            state_of(generator) if seed is None else begun(generator, seed)
            for generator in self._generators
        )
        """The states with which it began."""
        self.state = self.first
        """The states at present; outside of ``with stream:``. None of them ever changes."""
        self._outer: list[Any] | None = None

    def use(self, sources: Collection[str] = BOTH) -> None:
        """Swap Python's and numpy's generators only where these are among `sources`."""
        self._used = [
            place
            for place in range(len(self._generators))
            if place not in _PLACES or _PLACES[place] in sources
        ]

    def restart(self) -> None:
        """Go back to the beginning."""
        self.state = self.first

    def fitting(self, states: Sequence[Any]) -> tuple[Any, ...]:
        """Return states that were taken on another device too, as far as they are for this one."""
        return (*states[: len(self.state)], *self.state[len(states) :])

    def now(self) -> tuple[Any, ...]:
        """Return the states at present; inside of ``with stream:``."""
        states = list(self.state)
        for place in self._used:
            states[place] = state_of(self._generators[place])
        return tuple(states)

    def check(self, states: Sequence[Any]) -> None:
        """Refuse what are not states of such generators, by what their own setters raise."""
        outer = [state_of(generator) for generator in self._generators]
        try:
            for generator, state in zip(self._generators, self.fitting(states), strict=True):
                set_state(generator, state)
        finally:
            for generator, state in zip(self._generators, outer, strict=True):
                set_state(generator, state)

    def enter(self) -> None:
        """Put the stream in place of the person's states, unless it is there already."""
        if self._outer is not None:
            return
        self._outer = [state_of(self._generators[place]) for place in self._used]
        with SWAPPING:
            IN_PLACE.append(self)
            for place in self._used:
                set_state(self._generators[place], self.state[place])

    def leave(self) -> None:
        """Put the person's states back, if the stream is in their place."""
        if self._outer is None:
            return
        self.state = self.now()
        with SWAPPING:
            for place, outer in zip(self._used, self._outer, strict=True):
                set_state(self._generators[place], outer)
            IN_PLACE.remove(self)
        self._outer = None

    def __enter__(self) -> None:
        self.enter()

    def __exit__(self, *_: object) -> None:
        self.leave()

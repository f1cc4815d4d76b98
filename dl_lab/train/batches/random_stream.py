"""Random numbers for training alone."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import torch

from dl_lab.probe.looks.own_random import IN_PLACE, SWAPPING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

_CPU = torch.device("cpu")


class RandomStream:
    """States of torch's global generators that only training uses and moves on.

    Dropout and data loaders draw from the global generators and take no other, so each step runs
    inside ``with stream:``, which puts the stream in their place and afterwards the person's own
    states back. What another thread draws meanwhile comes from the stream.

    Parameters
    ----------
    seed
        Where the stream begins; None for where the global generators stand now.
    device
        Where the model draws, if not on the CPU alone.

    Examples
    --------
    >>> stream = RandomStream(seed=1)
    >>> with stream:
    ...     first = torch.rand(1)
    >>> stream.restart()
    >>> with stream:
    ...     bool(first == torch.rand(1))
    True
    """

    def __init__(self, seed: int | None = None, device: torch.device = _CPU) -> None:
        self._generators = _generators(device)
        self.first = tuple(
            generator.get_state()
            if seed is None
            else torch.Generator(generator.device).manual_seed(seed).get_state()
            for generator in self._generators
        )
        """The states with which it began."""
        self.state = self.first
        """The states at present; outside of ``with stream:``. None of the tensors ever changes."""
        self.drawn = True
        """Whether anything was drawn in the last ``with stream:``."""
        self._outer = self.first

    def restart(self) -> None:
        """Go back to the beginning."""
        self.state = self.first

    def fitting(self, states: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Return states that were taken on another device too, as far as they are for this one."""
        return (*states[: len(self.state)], *self.state[len(states) :])

    def now(self) -> tuple[Tensor, ...]:
        """Return the states at present; inside of ``with stream:``."""
        return tuple(generator.get_state() for generator in self._generators)

    def __enter__(self) -> None:
        with SWAPPING:
            IN_PLACE.append(self)
            self._outer = self.now()
            for generator, state in zip(self._generators, self.state, strict=True):
                generator.set_state(state)

    def __exit__(self, *_: object) -> None:
        state = self.now()
        self.drawn = not all(map(torch.equal, state, self.state))
        self.state = state
        with SWAPPING:
            for generator, outer in zip(self._generators, self._outer, strict=True):
                generator.set_state(outer)
            IN_PLACE.remove(self)


@contextlib.contextmanager
def kept_random_state(device: torch.device = _CPU) -> Iterator[None]:
    """Leave torch's global generators as they were."""
    generators = _generators(device)
    states = [generator.get_state() for generator in generators]
    try:
        yield
    finally:
        for generator, state in zip(generators, states, strict=True):
            generator.set_state(state)


def _generators(device: torch.device) -> tuple[torch.Generator, ...]:
    """Return the global generators that a model on `device` and its loader draw from."""
    if device.type == "cuda":
        torch.cuda.init()  # type: ignore[no-untyped-call]  # torch has no types here
        return torch.default_generator, torch.cuda.default_generators[device.index]
    if device.type == "mps":
        mps = torch.mps._get_default_mps_generator()  # noqa: SLF001  # there is no public way
        return torch.default_generator, mps
    return (torch.default_generator,)

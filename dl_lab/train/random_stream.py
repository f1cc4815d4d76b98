"""Random numbers for training alone."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator


class RandomStream:
    """A state of torch's global CPU generator that only training uses and moves on.

    Dropout and data loaders draw from the global generator and take no other, so each step runs
    inside ``with stream:``, which puts the stream in its place and afterwards the person's own
    state back. What another thread draws meanwhile comes from the stream.

    Parameters
    ----------
    seed
        Where the stream begins; None for where the global generator stands now.

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

    def __init__(self, seed: int | None = None) -> None:
        generator = torch.default_generator if seed is None else torch.Generator().manual_seed(seed)
        self._first = self._state = generator.get_state()
        self._outer = self._state
        self.drawn = True
        """Whether anything was drawn in the last ``with stream:``."""

    def restart(self) -> None:
        """Go back to the beginning."""
        self._state = self._first

    def __enter__(self) -> None:
        self._outer = torch.get_rng_state()
        torch.set_rng_state(self._state)

    def __exit__(self, *_: object) -> None:
        state = torch.get_rng_state()
        self.drawn = not torch.equal(state, self._state)
        self._state = state
        torch.set_rng_state(self._outer)


@contextlib.contextmanager
def kept_random_state() -> Iterator[None]:
    """Leave torch's global CPU generator as it was."""
    state = torch.get_rng_state()
    try:
        yield
    finally:
        torch.set_rng_state(state)

"""Random numbers for a look alone: what others draw meanwhile stays theirs."""

from __future__ import annotations

import contextlib
import random
import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from dl_lab import forks
from dl_lab.probe.looks.turns import Interruptible, go_on

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

SWAPPING = forks.opens(threading.Lock())
"""Held by who puts another state into torch's global generator, or puts it back."""

IN_PLACE: list[object] = []
"""Who has put states of its own into the global generators for as long as a training step."""

# A function that takes no generator → its sibling that does.
_SIBLINGS = {"default": "generator", "low": "low_generator", "names": "generator_with_names"}


_SKIPPED: ContextVar[int] = ContextVar("_SKIPPED", default=0)


@contextlib.contextmanager
def other_numbers(tensors: Iterable[torch.Tensor] = ()) -> Iterator[None]:
    """Let the looks of this thread draw other numbers than those that come next.

    Parameters
    ----------
    tensors
        The generators of the devices where these lie are moved on, and put back.

    Examples
    --------
    >>> with OwnRandom():
    ...     first = torch.rand(1)
    >>> with other_numbers(), OwnRandom():
    ...     bool(torch.rand(1) == first)
    False
    """
    token = _SKIPPED.set(_SKIPPED.get() + 1)
    places = {one.device for one in tensors if not (one.is_cpu or one.is_meta)}
    try:
        with contextlib.ExitStack() as undo:
            for place in places:
                undo.enter_context(
                    torch.random.fork_rng([place.index or 0], device_type=place.type)
                )
                torch.rand(1, device=place)
            yield
    finally:
        _SKIPPED.reset(token)


class OwnRandom(Interruptible):  # type: ignore[no-untyped-call]  # torch has no types here
    """Let operations of torch on the CPU draw from a generator of their own, in this thread.

    It begins as the global one stands. So nobody needs to wait for the end of a look, and a look
    neither moves on nor puts back what training draws in another thread meanwhile.

    Parameters
    ----------
    generator
        Another one to draw from, which moves on.

    Examples
    --------
    >>> before = torch.get_rng_state()
    >>> with OwnRandom():
    ...     first = torch.rand(1)
    >>> torch.equal(torch.get_rng_state(), before), bool(torch.rand(1) == first)
    (True, True)
    """

    def __init__(self, generator: torch.Generator | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # likewise
        self._own = generator
        # Asked once a kind: to look it up takes as long as a small operation.
        self._draws: dict[Any, bool] = {}

    def __torch_dispatch__(
        self,
        func: Any,  # noqa: ANN401  # torch has no types here
        types: Any,  # noqa: ANN401  # likewise
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        go_on()
        draws = self._draws.get(func)
        if draws is None:
            draws = torch.Tag.nondeterministic_seeded in getattr(func, "tags", ())
            self._draws[func] = draws
        if not draws:
            return func(*args, **kwargs) if kwargs else func(*args)
        given = dict(kwargs or {})
        if _device(args, given).type != "cpu" or _has_generator(args, given):
            return func(*args, **given)
        own = self._generator()
        taking = func if _takes_generator(func) else _sibling(func)
        if taking is not None:
            return taking(*args, **given, generator=own)
        with SWAPPING:
            outer = torch.get_rng_state()
            torch.set_rng_state(own.get_state())
            try:
                return func(*args, **given)
            finally:
                own.set_state(torch.get_rng_state())
                torch.set_rng_state(outer)

    def _generator(self) -> torch.Generator:
        if self._own is None:
            self._own = torch.Generator()
            self._own.set_state(torch.get_rng_state())
            torch.rand(_SKIPPED.get(), generator=self._own)
        return self._own


def _device(args: Sequence[Any], kwargs: Mapping[str, Any]) -> torch.device:
    named = kwargs.get("device")
    if named is not None:
        return torch.device(named)
    tensors = (one.device for one in args if isinstance(one, torch.Tensor))
    return next(tensors, torch.device("cpu"))


def _has_generator(args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    return any(isinstance(one, torch.Generator) for one in (*args, *kwargs.values()))


def _takes_generator(func: Any) -> bool:  # noqa: ANN401
    return any(one.name == "generator" for one in func._schema.arguments)  # noqa: SLF001  # no public way


def _sibling(func: Any) -> Any:  # noqa: ANN401
    name = _SIBLINGS.get(func._overloadname)  # noqa: SLF001  # no public way
    return getattr(func.overloadpacket, name, None) if name else None


@contextlib.contextmanager
def seed_put_back() -> Iterator[None]:
    """Put back the CPU's generator where a model has seeded it.

    Where a training step has put its own state there, it is left alone.
    """
    if IN_PLACE:
        yield
        return
    generator = torch.default_generator
    before, seed = generator.get_state(), generator.initial_seed()
    try:
        yield
    finally:
        with SWAPPING:
            if not IN_PLACE and generator.initial_seed() != seed:
                generator.set_state(before)


class _OtherGenerators:
    """Puts back Python's and numpy's generators when the last look is over.

    Nobody can draw from copies of these. Each look would put back what another has drawn.
    """

    def __init__(self) -> None:
        self._lock = forks.opens(threading.Lock())
        self._looks = 0
        self._states: tuple[Any, Any] = (None, None)

    def __enter__(self) -> None:
        with self._lock:
            if not self._looks:
                self._states = random.getstate(), np.random.get_state()  # noqa: NPY002  # the global one
            self._looks += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._looks -= 1
            if not self._looks:
                random.setstate(self._states[0])
                np.random.set_state(self._states[1])  # noqa: NPY002  # likewise


OTHERS_PUT_BACK = _OtherGenerators()

"""Random generators: the global ones of Python, numpy and torch, and those that objects have."""

from __future__ import annotations

import contextlib
import copy
import random
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CPU = torch.device("cpu")


def global_generators(device: torch.device = CPU) -> tuple[object, ...]:
    """Return the generators that a model on `device`, a loss and a loader may draw from.

    In this order: torch's for the CPU, Python's, numpy's, torch's for the device.
    """
    # The functions of `random` and `numpy.random` are methods of these.
    python: object = random.random.__self__  # type: ignore[attr-defined]  # a bound method
    array: object = np.random.random.__self__  # type: ignore[attr-defined]  # as above
    found: tuple[object, ...] = (torch.default_generator, python, array)
    if device.type == "cuda":
        torch.cuda.init()  # type: ignore[no-untyped-call]  # torch has no types here
        return (*found, torch.cuda.default_generators[device.index or 0])
    if device.type == "mps":
        return (*found, torch.mps._get_default_mps_generator())  # noqa: SLF001  # no public way
    return found


def is_generator(value: object) -> bool:
    """Whether it is a generator of random numbers whose state can be read and set.

    Examples
    --------
    >>> is_generator(random.Random(1)), is_generator(np.random.default_rng(1)), is_generator(1)
    (True, True, False)
    """
    return isinstance(value, _KINDS)


def state_of(generator: Any) -> Any:  # noqa: ANN401  # of any library
    """Return a copy of a generator's state: a tensor, or plain values and arrays."""
    return _ways(generator)[0](generator)


def set_state(generator: Any, state: Any) -> None:  # noqa: ANN401  # of any library
    """Put a generator into a state that `state_of` returned."""
    _ways(generator)[1](generator, state)


def begun(generator: Any, seed: int) -> Any:  # noqa: ANN401  # of any library
    """Return the state in which the same kind of generator begins with `seed`."""
    if isinstance(generator, torch.Generator):
        return torch.Generator(generator.device).manual_seed(seed).get_state()
    if isinstance(generator, random.Random):
        return random.Random(seed).getstate()  # noqa: S311  # no secret
    return np.random.RandomState(seed % 2**32).get_state(legacy=False)


def same_kind(generator: Any) -> Any:  # noqa: ANN401  # of any library
    """Return another generator of the same kind.

    Examples
    --------
    >>> type(same_kind(np.random.default_rng(1))).__name__
    'Generator'
    """
    if isinstance(generator, torch.Generator):
        return torch.Generator(generator.device)
    return copy.deepcopy(generator)


def same_state(one: Any, other: Any) -> bool:  # noqa: ANN401  # see `state_of`
    """Whether two states are the same.

    Examples
    --------
    >>> numbers = np.random.default_rng(3)
    >>> before = state_of(numbers)
    >>> same_state(before, state_of(numbers)), numbers.random() < 1
    (True, True)
    >>> same_state(before, state_of(numbers))
    False
    """
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and torch.equal(one, other)
    if isinstance(one, np.ndarray):
        return isinstance(other, np.ndarray) and bool(np.array_equal(one, other))
    if isinstance(one, dict):
        return (
            isinstance(other, dict)
            and one.keys() == other.keys()
            and all(same_state(value, other[name]) for name, value in one.items())
        )
    return bool(one == other)


@contextlib.contextmanager
def same_random(device: torch.device = CPU) -> Iterator[None]:
    """Put Python's, numpy's and torch's global generators back at the end.

    Examples
    --------
    >>> before = random.getstate()
    >>> with same_random():
    ...     _ = random.random(), np.random.rand(), torch.rand(1)
    >>> random.getstate() == before
    True
    """
    states = [(one, state_of(one)) for one in global_generators(device)]
    try:
        yield
    finally:
        for generator, state in states:
            set_state(generator, state)


def _ways(generator: object) -> tuple[Callable[[Any], Any], Callable[[Any, Any], None]]:
    # Asked several times a step: by the type itself where that is known.
    found = _WAYS.get(type(generator))
    if found is not None:
        return found
    return next(ways for kind, ways in _WAYS.items() if isinstance(generator, kind))


def _set_torch(generator: torch.Generator, state: Any) -> None:  # noqa: ANN401  # a tensor
    generator.set_state(state)


def _set_array_state(generator: Any, state: Any) -> None:  # noqa: ANN401  # numpy's
    generator.bit_generator.state = state


def _set_bits(generator: Any, state: Any) -> None:  # noqa: ANN401  # numpy's
    generator.state = state


def _set_python(generator: random.Random, state: Any) -> None:  # noqa: ANN401  # a nested tuple
    generator.setstate(state)


_WAYS: dict[type, tuple[Callable[[Any], Any], Callable[[Any, Any], None]]] = {
    torch.Generator: (torch.Generator.get_state, _set_torch),
    random.Random: (lambda one: one.getstate(), _set_python),
    np.random.RandomState: (
        lambda one: one.get_state(legacy=False),
        lambda one, state: one.set_state(state),
    ),
    np.random.Generator: (lambda one: one.bit_generator.state, _set_array_state),
    np.random.BitGenerator: (lambda one: one.state, _set_bits),
}
_KINDS = (*_WAYS,)

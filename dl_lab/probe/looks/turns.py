"""Looks at networks: one at a time at each of them, and each can be called off."""

from __future__ import annotations

import contextlib
import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from torch.utils._python_dispatch import TorchDispatchMode

from dl_lab import exits, forks
from dl_lab.probe.modules import every_module

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from torch import nn

_ASK_AGAIN = 0.05


class CalledOff(BaseException):  # no error: what was wanted is wanted no more
    """A look was called off between two of its operations; all is put back.

    It is no `Exception`, so that a model which catches those cannot keep a look going.
    """


_ENDS: ContextVar[tuple[Callable[[], bool], ...]] = ContextVar("_ENDS", default=())


@contextlib.contextmanager
def called_off_by(ends: Callable[[], bool]) -> Iterator[None]:
    """Have the looks of this thread raise `CalledOff` as soon as `ends` answers true.

    Parameters
    ----------
    ends
        Asked before each operation, so it must answer at once.

    Examples
    --------
    >>> with called_off_by(lambda: False):
    ...     go_on()
    """
    token = _ENDS.set((*_ENDS.get(), ends))
    try:
        yield
    finally:
        _ENDS.reset(token)


def go_on() -> None:
    """Raise `CalledOff` where the look that this thread is at was called off."""
    if exits.is_exiting():
        raise SystemExit
    for ends in _ENDS.get():
        if ends():
            raise CalledOff


class Interruptible(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch has no types here
    """Ask before each operation of torch, those of a backward pass included, whether to go on."""

    supports_higher_order_operators = True

    def __torch_dispatch__(
        self,
        func: Any,  # noqa: ANN401  # torch has no types here
        types: Any,  # noqa: ANN401  # likewise
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        go_on()
        return func(*args, **(kwargs or {}))


def interruptible() -> contextlib.AbstractContextManager[object]:
    """Return what makes a backward pass ask whether to go on; nothing where nobody could say no."""
    return Interruptible() if _ENDS.get() else contextlib.nullcontext()  # type: ignore[no-untyped-call]  # likewise


_CHANGED = forks.opens(threading.Condition())


class _Looks:
    """Who looks at which modules now."""

    def __init__(self) -> None:
        self.taken: list[tuple[int, frozenset[int]]] = []
        forks.tell(self)

    def forked(self) -> None:
        """Go on without those of the parent's other threads."""
        here = threading.get_ident()
        self.taken = [look for look in self.taken if look[0] == here]


_LOOKS = _Looks()


@contextlib.contextmanager
def one_look(model: nn.Module) -> Iterator[None]:
    """Keep other looks at a network, or at a part of it, waiting.

    Two at once would put back each other's state. Looks at other networks go on.

    Raises
    ------
    CalledOff
        While it waited.

    Examples
    --------
    >>> from torch import nn
    >>> model = nn.Linear(1, 1)
    >>> with one_look(model), one_look(nn.Sequential(model)):
    ...     is_looked_at(model)
    False
    """
    look = threading.get_ident(), frozenset(map(id, every_module(model)))
    with _CHANGED:
        while _meets(look):
            go_on()
            _CHANGED.wait(_ASK_AGAIN)
        _LOOKS.taken.append(look)
    try:
        yield
    finally:
        with _CHANGED:
            _LOOKS.taken.remove(look)
            _CHANGED.notify_all()


def is_looked_at(model: nn.Module) -> bool:
    """Tell whether another thread is looking at a network, or at a part of it, at this moment."""
    look = threading.get_ident(), frozenset(map(id, every_module(model)))
    with _CHANGED:
        return _meets(look)


def _meets(look: tuple[int, frozenset[int]]) -> bool:
    thread, modules = look
    return any(other != thread and not modules.isdisjoint(taken) for other, taken in _LOOKS.taken)

"""What takes several passes through a network: done one by one, so that others get their turn.

A computation is a generator that yields what to compute next, and is sent its result. Between two
passes the network is as it was; a pass that was called off is simply computed again.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

if TYPE_CHECKING:
    from dl_lab.probe.capture import Capture

_Result = TypeVar("_Result")

MEMORY = 128 * 2**20
"""Bytes that the answers of a pass may take, where a single row does not need more."""

_IN_GRAPH = 3


@dataclass(frozen=True)
class Pass:
    """The next pass, and how many of how many are done."""

    compute: Callable[[], Any]
    done: int = 0
    of: int = 1


Passes: TypeAlias = Generator[Pass, Any, _Result]


def finished(passes: Passes[_Result]) -> _Result:
    """Compute all passes at once.

    Examples
    --------
    >>> def doubled():
    ...     half = yield Pass(lambda: 21)
    ...     return 2 * half
    >>> finished(doubled())
    42
    """
    try:
        given = None
        while True:
            given = passes.send(given).compute()
    except StopIteration as end:
        found: _Result = end.value
        return found


def rows_at_once(seen: Capture, *, graph: bool = False) -> int:
    """Return how many rows fit into a pass, from one that was captured.

    Parameters
    ----------
    seen
        By its layers' sizes; their values need not be there.
    graph
        Whether it is differentiated, which takes about three times as much.
    """
    outputs = [layer.output for layer in seen.layers if layer.output is not None]
    taken = sum(one.numel() * one.itemsize for one in outputs)
    return max(1, MEMORY * max(1, seen.rows) // max(1, taken * (_IN_GRAPH if graph else 1)))

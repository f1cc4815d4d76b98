"""A call within a network: what was called with what, and where each of that comes from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Call:
    """What was called, and with what: tensors as they were then."""

    function: Callable[..., Any]
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Batch:
    """Which dimension of a tensor counts the examples.

    Attributes
    ----------
    dimension
        None where none does.
    hidden
        Whether a single example is dissolved in it among what it consists of, such as its heads or
        windows: a later layer may take them apart again.
    """

    dimension: int | None
    hidden: bool = False

    @property
    def rows(self) -> int | None:
        """The dimension, None where there is nothing to count."""
        return None if self.hidden else self.dimension


@dataclass(frozen=True)
class Origin:
    """Where an input of a layer comes from.

    Attributes
    ----------
    source
        The layer that made it; ``-1 - k`` is the network's k-th own input.
    batch
        Which of its dimensions counts the examples.
    shown
        Whether it is what the source shows as its output, and not another of several.
    """

    source: int
    batch: Batch
    shown: bool = True

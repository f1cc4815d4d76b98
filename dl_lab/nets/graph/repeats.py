"""Which things in a row do the same again and again: equal operations, and equal edges."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from dl_lab.nets.graph.nodes import Graph

# So many siblings make one tile at most.
_LONGEST = 24


@dataclass(frozen=True)
class Run:
    """A tile of siblings that comes several times, one after the other."""

    start: int
    period: int
    """How many siblings a tile has."""
    count: int
    """How many times it comes."""
    carried: tuple[tuple[int, int], ...]
    """What each takes from the one before, as nodes of the first tile: (source, taker)."""


class Sequel:
    """Siblings in the order in which they ran.

    Parameters
    ----------
    graph
        To which they belong.
    ranks
        One number each, the same for what does the same.
    members
        The nodes of each.
    """

    def __init__(
        self, graph: Graph, ranks: Sequence[int], members: Sequence[Sequence[int]]
    ) -> None:
        self._nodes = graph.nodes
        self._ranks = ranks
        self._members = [
            [index for index in one if graph.nodes[index].kind in {"operation", "unseen"}]
            for one in members
        ]

    def runs(self, folds: Callable[[Run], bool]) -> Iterator[Run]:
        """Yield what repeats, from left to right, the longest stretch first at each place.

        Parameters
        ----------
        folds
            Whether a run is to be folded.
        """
        at = 0
        while at < len(self._ranks):
            best: Run | None = None
            for period in range(1, min(_LONGEST, (len(self._ranks) - at) // 2) + 1):
                run = self._run(at, period)
                longer = best is None or _length(run) > _length(best)
                if run.count > 1 and longer and folds(run):
                    best = run
            if best is None:
                at += 1
            else:
                yield best
                at += _length(best)

    def _run(self, start: int, period: int) -> Run:
        ranks = self._ranks
        tile = ranks[start : start + period]
        count = 1
        while ranks[start + count * period : start + (count + 1) * period] == tile:
            count += 1
        if count == 1:
            return Run(start, period, 1, ())
        if period > 1 and not self._connected(start, period):
            return Run(start, period, 1, ())
        tiles = [self._tile(start + number * period, period) for number in range(count)]
        inner = _inner(self._edges(tiles[0], []))
        taken = self._edges(tiles[1], tiles[0])
        equal = 1
        for before, one in itertools.pairwise(tiles):
            edges = self._edges(one, before)
            if edges != taken or _inner(edges) != inner:
                break
            equal += 1
        carried = [(tiles[0][source], tiles[0][taker]) for taker, how, source in taken if how < 0]
        return Run(start, period, equal, tuple(dict.fromkeys(carried)))

    def _connected(self, start: int, period: int) -> bool:
        """Whether the siblings of a tile belong together: edges lead from each to each."""
        home = {
            index: at
            for at, one in enumerate(self._members[start : start + period])
            for index in one
        }
        joined = list(range(period))
        for index, at in home.items():
            for source in self._nodes[index].inputs:
                if source in home:
                    one, other = joined[at], joined[home[source]]
                    joined = [one if label == other else label for label in joined]
        return len(set(joined)) == 1

    def _tile(self, start: int, period: int) -> list[int]:
        return [index for one in self._members[start : start + period] for index in one]

    def _edges(self, tile: list[int], before: list[int]) -> list[tuple[int, int, int]]:
        """Return where the numbers in a tile come from: (taker, 0 or -1 tiles away, source)."""
        own = {index: at for at, index in enumerate(tile)}
        last = {index: at for at, index in enumerate(before)}
        return [
            (at, 0, own[source]) if source in own else (at, -1, last[source])
            for at, index in enumerate(tile)
            for source in self._nodes[index].inputs
            if source in own or source in last
        ]


def _inner(edges: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    return [edge for edge in edges if not edge[1]]


def _length(run: Run) -> int:
    return run.period * run.count

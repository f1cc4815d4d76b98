"""What two graphs have in common: which operations match, changed, came or went."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence

    from dl_lab.nets.graph.nodes import Graph, Node

Change = Literal["same", "changed", "added", "removed"]


@dataclass(frozen=True)
class Pair:
    """A node of each graph, or of one that the other has none for."""

    before: int | None
    after: int | None
    change: Change
    """``changed``: of another shape, type or size."""
    differs: tuple[str, ...] = ()
    """In what: ``name``, ``module``, ``shape``, ``dtype``, ``parameters``, ``inputs``; the last
    if a node matches whose inputs do not."""


@dataclass(frozen=True)
class Comparison:
    """Two graphs side by side."""

    pairs: tuple[Pair, ...]
    """In the order of the second graph, what the first alone has where it was."""

    def count(self, change: Change) -> int:
        """Return how many pairs there are of a kind."""
        return sum(pair.change == change for pair in self.pairs)

    @property
    def partners(self) -> dict[int, int]:
        """The second graph's nodes by those of the first that they match."""
        return {
            pair.before: pair.after
            for pair in self.pairs
            if pair.before is not None and pair.after is not None
        }


def compare(before: Graph, after: Graph) -> Comparison:
    """Match the nodes of two graphs.

    Operations of modules with the same names match first, then, between those, operations of the
    same name in the same order. Parameters, buffers and inputs match by their names, or else as
    what operations that match take in the same place.

    Parameters
    ----------
    before, after
        Of two models, or of two runs of one.

    Examples
    --------
    >>> from torch import nn, ones
    >>> from dl_lab.nets.graph.trace import trace
    >>> one = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    >>> two = nn.Sequential(nn.Linear(2, 5), nn.ReLU(), nn.Dropout(), nn.Linear(5, 1))
    >>> found = compare(trace(one, [ones(1, 2)]), trace(two, [ones(1, 2)]))
    >>> found.count("added"), found.count("removed")
    (1, 0)
    """
    return _Matching(before, after).comparison()


class _Matching:
    def __init__(self, before: Graph, after: Graph) -> None:
        self._before = before.nodes
        self._after = after.nodes
        self._found: dict[int, int] = {}

    def comparison(self) -> Comparison:
        self._operations()
        self._others()
        taken = set(self._found.values())
        alone = iter([index for index in range(len(self._before)) if index not in self._found])
        backwards = {after: before for before, after in self._found.items()}
        pairs: list[Pair] = []
        waiting = next(alone, None)
        for index in range(len(self._after)):
            partner = backwards.get(index)
            while waiting is not None and partner is not None and waiting < partner:
                pairs.append(Pair(waiting, None, "removed"))
                waiting = next(alone, None)
            if index in taken and partner is not None:
                pairs.append(self._pair(partner, index))
            else:
                pairs.append(Pair(None, index, "added"))
        while waiting is not None:
            pairs.append(Pair(waiting, None, "removed"))
            waiting = next(alone, None)
        return Comparison(tuple(pairs))

    def _operations(self) -> None:
        one = [index for index, node in enumerate(self._before) if _is_done(node)]
        two = [index for index, node in enumerate(self._after) if _is_done(node)]
        for a, b in self._matched(one, two, lambda node: (node.stack, node.call, node.name)):
            for c, d in self._matched(a, b, lambda node: (node.name, node.shape)):
                for _ in self._matched(c, d, lambda node: node.name):
                    pass

    def _matched(
        self, one: Sequence[int], two: Sequence[int], key: Callable[[Node], Hashable]
    ) -> Iterator[tuple[Sequence[int], Sequence[int]]]:
        """Match nodes in their order, and yield the stretches between for which none is found."""
        matcher = SequenceMatcher(
            None,
            [key(self._before[index]) for index in one],
            [key(self._after[index]) for index in two],
            autojunk=False,
        )
        for what, start, end, first, last in matcher.get_opcodes():
            if what == "equal":
                self._found.update(zip(one[start:end], two[first:last], strict=True))
            elif what == "replace":
                yield one[start:end], two[first:last]

    def _others(self) -> None:
        named: dict[Hashable, list[int]] = defaultdict(list)
        for index, node in enumerate(self._after):
            if not _is_done(node):
                named[node.kind, node.module, node.name].append(index)
        taken = set(self._found.values())
        for a, b in list(self._found.items()):
            for source, other in zip(self._before[a].inputs, self._after[b].inputs, strict=False):
                one, two = self._before[source], self._after[other]
                alike = (one.kind, one.name) == (two.kind, two.name)
                if alike and not _is_done(one) and source not in self._found and other not in taken:
                    self._found[source] = other
                    taken.add(other)
        for index, node in enumerate(self._before):
            if not _is_done(node) and index not in self._found:
                free = [one for one in named[node.kind, node.module, node.name] if one not in taken]
                if free:
                    self._found[index] = free[0]
                    taken.add(free[0])

    def _pair(self, before: int, after: int) -> Pair:
        one, two = self._before[before], self._after[after]
        differs = [
            name
            for name in ("name", "module", "shape", "dtype", "parameters")
            if getattr(one, name) != getattr(two, name)
        ]
        if [self._found.get(source) for source in one.inputs] != list(two.inputs):
            differs.append("inputs")
        changed = {"shape", "dtype", "parameters"} & set(differs)
        return Pair(before, after, "changed" if changed else "same", tuple(differs))


def _is_done(node: Node) -> bool:
    return node.kind in {"operation", "unseen"}

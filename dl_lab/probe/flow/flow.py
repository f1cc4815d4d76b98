"""Statistics of every node of a graph while its network learns, a few rows at a time."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

from torch.nn.modules.batchnorm import _BatchNorm

from dl_lab.probe.flow.origin import Origin, matched, origin
from dl_lab.probe.flow.passes import Heard, Rows, hear
from dl_lab.probe.flow.statistics import Statistics, Tally, statistics
from dl_lab.probe.flow.units import units
from dl_lab.probe.modules import every_module, original

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import nn

    from dl_lab.nets.graph.nodes import Graph
    from dl_lab.probe.flow.samples import Sample
    from dl_lab.probe.untouched import Mode

SLICE = 0.05
"""Seconds that a pass should take: as many rows go through it. A single row may take longer."""
MOST_ROWS = 64
"""Rows that statistics tell of."""
MOST_PASSES = 4
"""Passes at most for that, where rows take their time."""
ENOUGH = 0.2
"""Seconds of passes that are enough for that: of a slow network a few rows tell sooner."""
_GROWTH = 4


@dataclass(frozen=True)
class Found:
    """Where a pass stopped being finite.

    Attributes
    ----------
    origin
        By the indices of the graph that is shown.
    known
        Whether that graph has the node; else it stands for its module's first one.
    """

    origin: Origin
    known: bool = True


class Flow:
    """Statistics of a graph's nodes, from real passes over some rows each.

    Nobody waits long for a pass: it takes about `SLICE` seconds, and several of them make one
    picture.

    Parameters
    ----------
    model
        Any module.
    graph
        Its graph that is shown, by whose nodes all is told.
    mode
        As for `dl_lab.probe.untouched.untouched`.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from dl_lab.nets.graph.trace import trace
    >>> from dl_lab.probe.flow.passes import Given
    >>> model = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    >>> given = [torch.ones(4, 2)]
    >>> flow = Flow(model, trace(model, given))
    >>> while not flow.add(flow.hear(Given(given))):
    ...     pass
    >>> len(flow.statistics.rms)
    5
    """

    def __init__(self, model: nn.Module, graph: Graph, mode: Mode | None = "train") -> None:
        self._model = model
        self._shown = graph
        self._mode: Mode | None = mode
        # Most passes do what the graph that is shown does: the first of them counts already.
        self._know(graph)
        # Batch normalization has no statistics of a single row.
        norms = any(isinstance(one, _BatchNorm) for one in every_module(original(model)))
        self._least = 2 if norms else 1
        self._many = self._least
        self._begin()
        self.statistics: Statistics | None = None
        """Of the last rows that were complete."""
        self.found: Found | None = None
        """Where the last rows stopped being finite."""

    def _begin(self) -> None:
        count = len(self._shown.nodes)
        self._values, self._gradients = Tally(count), Tally(count)
        self._rows = self._passes = self._start = 0
        self._spent = 0.0
        self._seen: Found | None = None

    def hear(self, rows: Rows) -> Heard:
        """Do one pass over the next rows; everything is afterwards as before.

        Between two steps of whoever trains. What it returns is for `add`, which needs the network
        no more.
        """
        start = self._start if self._start < rows.count else 0
        left = min(MOST_ROWS - start, rows.count - start)
        many = left if left - self._many < self._least else self._many
        began = perf_counter()
        heard = hear(self._model, rows, start, start + many, units=self._units, mode=self._mode)
        seconds = max(perf_counter() - began, 1e-6)
        self._start = start + many
        self._spent += seconds
        wanted = int(many * SLICE / seconds)
        self._many = max(self._least, min(wanted, _GROWTH * many))
        return heard

    def add(self, heard: Heard) -> bool:
        """Count what a pass showed; return whether there are new `statistics`."""
        if heard.graph.failure is not None or not self._knows(heard):
            return False
        found = origin(heard)
        if found is not None and self._seen is None:
            self._seen = self._told(found, heard.graph)
        places, summed = self._places, self._summed
        values = {places[one]: seen for one, seen in heard.values.items() if one in places}
        gradients = {places[one]: seen for one, seen in heard.gradients.items() if one in places}
        self._values.add(values)
        self._gradients.add(gradients, summed)
        self._rows += heard.rows
        self._passes += 1
        late = self._passes >= MOST_PASSES or self._spent >= ENOUGH
        whole = self._rows >= min(MOST_ROWS, heard.of) or late
        if whole:
            self._gradients.scale(heard.of / self._rows)
            self.statistics = statistics(self._values, self._gradients, self._rows)
            self.found = self._seen
            self._begin()
        return whole

    def told(self, heard: Heard) -> Statistics:
        """Return the statistics of a single pass, whoever made it."""
        places = matched(heard.graph, self._shown)

        def counted(samples: Mapping[int, Sample]) -> Tally:
            tally = Tally(len(self._shown.nodes))
            tally.add({places[one]: seen for one, seen in samples.items() if one in places})
            return tally

        return statistics(counted(heard.values), counted(heard.gradients), heard.rows)

    def _knows(self, heard: Heard) -> bool:
        """Take note of what its nodes are; False where the pass was made without knowing that."""
        if _same(heard.graph, self._live):
            return True
        self._know(heard.graph)
        self._begin()
        return False

    def _know(self, live: Graph) -> None:
        self._live = live
        self._units: Sequence[int | None] = units(live)
        self._places: Mapping[int, int] = matched(live, self._shown)
        nodes = self._shown.nodes
        self._summed = frozenset(
            index for index in self._places.values() if nodes[index].kind == "parameter"
        )

    def _told(self, found: Origin, live: Graph) -> Found:
        """Say it by the nodes of the graph that is shown."""
        node = self._places.get(found.node)
        infinite = None if found.infinite is None else self._places.get(found.infinite)
        if node is not None:
            return Found(Origin(node, found.backward, found.kind, infinite))
        module = live.nodes[found.node].module
        near = [index for index, one in enumerate(self._shown.nodes) if one.module == module]
        return Found(Origin(near[0] if near else 0, found.backward, found.kind, infinite), False)


def _same(one: Graph, other: Graph) -> bool:
    """Whether two passes did the same, on more rows or fewer."""
    if len(one.nodes) != len(other.nodes):
        return False
    pairs = zip(one.nodes, other.nodes, strict=True)
    return all(
        (a.kind, a.name, a.module, len(a.shape)) == (b.kind, b.name, b.module, len(b.shape))
        for a, b in pairs
    )

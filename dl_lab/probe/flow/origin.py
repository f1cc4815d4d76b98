"""Where numbers first stopped being finite, in one pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from dl_lab.probe.flow.statistics import INFINITE, NAN, flags_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dl_lab.nets.graph.nodes import Graph
    from dl_lab.probe.flow.passes import Heard

Kind = Literal["nan", "inf"]


@dataclass(frozen=True)
class Origin:
    """The first node that is not finite.

    Attributes
    ----------
    node
        Of the operation that made such a number, forward or backward, or of the weight, buffer or
        input that holds one.
    backward
        Whether it came up in the backward pass: then all numbers of the forward pass, and the
        gradient by the node itself, are finite, but not the gradient that its operation made.
    kind
        ``"nan"``, or ``"inf"`` where there is no NaN.
    infinite
        Of a NaN made forward: the first node that it depends on where a number was infinite.
    """

    node: int
    backward: bool
    kind: Kind
    infinite: int | None = None


def origin(heard: Heard) -> Origin | None:
    """Find where a pass stopped being finite; None if nothing went wrong.

    An infinite number alone is no fault: masks are made of them. It counts where the loss is not
    finite and there is no NaN.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from dl_lab.probe.flow.passes import Given, hear
    >>> class Log(nn.Module):
    ...     def forward(self, x):
    ...         return (x.log() * 0).sum()
    >>> heard = hear(Log(), Given([torch.tensor([0.0, 1.0])]), 0, 1)
    >>> found = origin(heard)
    >>> [heard.graph.nodes[one].name for one in (found.node, found.infinite)], found.kind
    (['mul', 'log'], 'nan')
    """
    graph = heard.graph
    flags = flags_of(heard.values, len(graph.nodes))
    wrong = [int(one) for one in np.flatnonzero(flags & NAN)]
    if wrong:
        first = min(wrong)
        causes = [one for one in _before(graph, graph.nodes[first].inputs) if flags[one] & INFINITE]
        return Origin(first, False, "nan", min(causes, default=None))
    broken = heard.loss is not None and not bool(heard.loss.isfinite().all())
    if broken:
        ends = [one for one in _before(graph, graph.outputs) if flags[one] & INFINITE]
        return Origin(min(ends), False, "inf") if ends else None
    return _backward(graph, heard, len(graph.nodes))


def _backward(graph: Graph, heard: Heard, count: int) -> Origin | None:
    flags = flags_of(heard.gradients, count)
    wrong = [index for index in heard.gradients if flags[index]]
    if not wrong:
        return None
    first = wrong[0]
    kind: Kind = "nan" if flags[first] & NAN else "inf"
    takers = _takers(graph, first)
    # Its gradient is the sum of what each operation that takes it sends back.
    made = [one for one in takers if one in heard.gradients and not flags[one]]
    return Origin(max(made, default=first), True, kind)


def _takers(graph: Graph, index: int) -> list[int]:
    return [one for one, node in enumerate(graph.nodes) if index in node.inputs]


def _before(graph: Graph, indices: Iterable[int]) -> set[int]:
    """Return nodes with all that they depend on."""
    found: set[int] = set()
    waiting = list(indices)
    while waiting:
        index = waiting.pop()
        if index not in found:
            found.add(index)
            waiting += graph.nodes[index].inputs
    return found


def matched(live: Graph, shown: Graph) -> Mapping[int, int]:
    """Return which node of a graph that is shown each node of a pass is.

    Where both did the same, by their order; else by module, name and how many-th of these it is.

    Examples
    --------
    >>> from dl_lab.nets.graph.trace import trace
    >>> import torch
    >>> model = torch.nn.Sequential(torch.nn.BatchNorm1d(2), torch.nn.ReLU())
    >>> shown = trace(model.eval(), [torch.ones(3, 2)])
    >>> live = trace(model.train(), [torch.ones(4, 2)])
    >>> [shown.nodes[one].name for one in matched(live, shown).values()][-2:]
    ['batch_norm', 'relu']
    """
    ours, theirs = _keys(live), _keys(shown)
    if ours == theirs:
        return {index: index for index in range(len(ours))}
    places = {key: index for index, key in enumerate(theirs)}
    return {index: places[key] for index, key in enumerate(ours) if key in places}


def _keys(graph: Graph) -> list[tuple[str, str, str, int]]:
    counts: dict[tuple[str, str, str], int] = {}
    found: list[tuple[str, str, str, int]] = []
    for node in graph.nodes:
        key: tuple[str, str, str] = node.kind, node.module, node.name
        counts[key] = counts.get(key, -1) + 1
        found.append((*key, counts[key]))
    return found

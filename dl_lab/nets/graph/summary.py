"""A model as a table: each module's shapes, parameters and multiply-adds, as torchinfo has it."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dl_lab.nets.graph.nodes import Call, Graph

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Row:
    """A module."""

    path: str
    """As in ``named_modules``."""
    name: str
    """The last part of its path; of the model "" ."""
    class_name: str
    depth: int
    """0 for the model, 1 for its parts."""
    input_shapes: tuple[Shape, ...]
    """Of all tensors that its first call was given; empty if it was not called."""
    output_shapes: tuple[Shape, ...]
    """Of all that it returned then."""
    kernel: Shape | None
    parameters: int
    """Of it and its parts, each once."""
    trainable: int
    macs: int
    """In all its calls, parts included, without the operations that are not known."""
    unknown: int
    """How many operations those are."""
    calls: int
    seconds: float | None
    """In all its calls, where time was measured."""


@dataclass(frozen=True)
class Totals:
    """Of the whole model."""

    parameters: int
    trainable: int
    macs: int
    unknown: int
    input_bytes: int
    output_bytes: int
    """Of what operations made, views left out."""
    parameter_bytes: int


def rows(graph: Graph) -> list[Row]:
    """Return a row for each module, in the model's order.

    Examples
    --------
    >>> from torch import nn, ones
    >>> from dl_lab.nets.graph.trace import trace
    >>> model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(144, 10))
    >>> table = rows(trace(model, [ones(2, 1, 8, 8)]))
    >>> [(one.name, one.class_name, one.output_shapes, one.kernel) for one in table[1:3]]
    [('0', 'Conv2d', ((2, 4, 6, 6),), (3, 3)), ('1', 'Flatten', ((2, 144),), None)]
    >>> [(one.parameters, one.macs) for one in table]
    [(1490, 5472), (40, 2592), (0, 0), (1450, 2880)]
    """
    macs, unknown = _by_module(graph)
    calls: dict[str, list[Call]] = {}
    for call in graph.calls:
        calls.setdefault(call.module, []).append(call)
    table = []
    for path, info in graph.modules.items():
        own = calls.get(path, [])
        measured = [call.seconds for call in own if call.seconds is not None]
        table.append(
            Row(
                path,
                path.rpartition(".")[2],
                info.class_name,
                path.count(".") + 1 if path else 0,
                own[0].input_shapes if own else (),
                own[0].output_shapes if own else (),
                info.kernel,
                info.parameters,
                info.trainable,
                macs.get(path, 0),
                unknown.get(path, 0),
                len(own),
                sum(measured) if measured else None,
            )
        )
    return table


def totals(graph: Graph) -> Totals:
    """Return the sums of the whole model.

    Examples
    --------
    >>> from torch import nn, ones
    >>> from dl_lab.nets.graph.trace import trace
    >>> totals(trace(nn.Linear(2, 3), [ones(5, 2)]))
    Totals(parameters=9, trainable=9, macs=30, unknown=0, input_bytes=40, output_bytes=60, \
parameter_bytes=36)
    """
    info = graph.modules[""]
    done = [node for node in graph.nodes if node.kind in {"operation", "unseen"}]
    return Totals(
        info.parameters,
        info.trainable,
        sum(node.macs or 0 for node in done),
        sum(node.macs is None for node in done),
        sum(node.bytes for node in graph.nodes if node.kind == "input"),
        sum(node.bytes for node in done if node.macs),
        sum(node.bytes for node in graph.nodes if node.kind == "parameter"),
    )


def _by_module(graph: Graph) -> tuple[dict[str, int], dict[str, int]]:
    """Return the multiply-adds of each module with what it calls, and how many are not known."""
    macs: dict[str, int] = {}
    unknown: dict[str, int] = {}
    for node in graph.nodes:
        if node.kind in {"operation", "unseen"}:
            for path in _around(node.stack):
                macs[path] = macs.get(path, 0) + (node.macs or 0)
                unknown[path] = unknown.get(path, 0) + (node.macs is None)
    return macs, unknown


@functools.lru_cache(1024)
def _around(stack: tuple[str, ...]) -> frozenset[str]:
    """Return the modules that are being called, and the lists and dictionaries that hold them."""
    found = {""}
    for path in stack:
        while path:
            found.add(path)
            path = path.rpartition(".")[0]  # noqa: PLW2901
    return frozenset(found)

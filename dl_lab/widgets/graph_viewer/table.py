"""The table of all modules, as the page shows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dl_lab.nets.graph.fold import Group, groups
from dl_lab.nets.graph.nodes import Graph
from dl_lab.nets.graph.summary import Row, Totals


def table(graph: Graph, root: Group, listed: Sequence[Row], sums: Totals) -> dict[str, Any]:
    """Return rows and totals.

    Parameters
    ----------
    graph, root
        What was traced, and the same folded: where a row's module is drawn.
    listed, sums
        Of `dl_lab.nets.graph.summary`.
    """
    keys = {one.path: one.key for one in reversed([*groups(root)]) if one.kind != "part"}
    whole = max(1, sums.parameters)
    return {
        "rows": [_row(graph, row, keys.get(row.path), whole) for row in listed],
        "totals": {
            "parameters": sums.parameters,
            "trainable": sums.trainable,
            "macs": sums.macs,
            "unknown": sums.unknown,
            "input_bytes": sums.input_bytes,
            "output_bytes": sums.output_bytes,
            "parameter_bytes": sums.parameter_bytes,
        },
    }


def _row(graph: Graph, row: Row, key: str | None, whole: int) -> dict[str, Any]:
    info = graph.modules[row.path]
    trainable = "no" if row.trainable == 0 else "yes"
    if 0 < row.trainable < row.parameters:
        trainable = "partly"
    return {
        "layer": row.path or row.class_name,
        "class": row.class_name,
        "input": ", ".join(map(_shape, row.input_shapes)),
        "output": ", ".join(map(_shape, row.output_shapes)),
        "kernel": None if row.kernel is None else _shape(row.kernel),
        "parameters": row.parameters,
        "percent": 100 * row.parameters / whole,
        "macs": None if row.unknown and not row.macs else row.macs,
        "trainable": None if row.parameters == 0 else trainable,
        "depth": row.depth,
        "key": None if key is None else f"g{key}",
        "mark": "unused" if info.unused else "shared" if info.shared else "",
    }


def _shape(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape)) or "()"

"""A graph as JSON."""

from __future__ import annotations

from typing import Any

from dl_lab.nets.graph.nodes import Graph

VERSION = 1


def to_json(graph: Graph) -> dict[str, Any]:
    """Return the whole graph as what JSON can hold, with the version of its format."""
    raise NotImplementedError

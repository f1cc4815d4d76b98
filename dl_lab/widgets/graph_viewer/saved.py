"""The outermost groups of a graph, as the picture in the saved notebook shows them."""

from __future__ import annotations

from collections.abc import Mapping

from dl_lab.nets.graph.fold import Group
from dl_lab.nets.graph.nodes import Graph
from dl_lab.pictures.graph import Box

_THOUSAND = 1000


def boxes(graph: Graph, root: Group, say: Mapping[str, str]) -> list[Box]:
    """Return the parts of a model, or of the only part that it has.

    Parameters
    ----------
    graph, root
        What was traced, and the same folded.
    say
        The words of the widget.
    """
    parts = _parts(root, graph)
    while len(parts) == 1 and isinstance(parts[0], Group) and len(_parts(parts[0], graph)) > 1:
        root = parts[0]
        parts = _parts(root, graph)
    place: dict[int, int] = {}
    given = [index for index, node in enumerate(graph.nodes) if node.kind == "input"]
    made: list[Box] = []
    for index in given:
        place[index] = len(made)
        made.append(Box(say["input"], "×".join(map(str, graph.nodes[index].shape))))
    for part in parts:
        if isinstance(part, int) and graph.nodes[part].kind == "input":
            continue
        within = list(part.nodes()) if isinstance(part, Group) else [part]
        sources = {
            place[source]
            for node in within
            for source in graph.nodes[node].inputs
            if source in place
        }
        here = len(made)
        place |= dict.fromkeys(within, here)
        made.append(_box(graph, part, tuple(sorted(sources))))
    if graph.failure is not None:
        sources = {place[one] for one in graph.failure.inputs if one in place}
        name = graph.failure.name or graph.failure.module
        made.append(Box(name, say["kind_failure"], tuple(sorted(sources)), failed=True))
    return made


def _parts(group: Group, graph: Graph) -> list[Group | int]:
    """Return what a group holds, weights left out."""
    return [
        part
        for part in group.children
        if isinstance(part, Group) or graph.nodes[part].kind in {"input", "operation", "unseen"}
    ]


def _box(graph: Graph, part: Group | int, sources: tuple[int, ...]) -> Box:
    if isinstance(part, int):
        return Box(graph.nodes[part].name, sources=sources)
    times = f" ×{part.count}" if part.count > 1 else ""
    many = f" · {_many(part.parameters)}" if part.parameters else ""
    title = part.path.rpartition(".")[2] or part.label
    return Box(f"{title}{times}", f"{part.label}{many}", sources)


def _many(count: int) -> str:
    size = float(count)
    for unit in ("", " k", " M", " G"):
        if size < _THOUSAND:
            return f"{count}" if unit == "" else f"{size:.3g}{unit}"
        size /= _THOUSAND
    return f"{size:.3g} T"

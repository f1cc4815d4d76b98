"""A traced graph as the page draws it: what `docs/protocol.md` says of GraphViewer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from dl_lab.errors import InputError
from dl_lab.nets.graph.compare import compare
from dl_lab.nets.graph.fold import Group
from dl_lab.nets.graph.nodes import Graph, Line, Node
from dl_lab.protocol import Array
from dl_lab.widgets.base.widget import Reply, sentence

_DONE = frozenset({"operation", "unseen"})


def described(graph: Graph, root: Group, name: str, failure: InputError | None) -> Reply:
    """Return a graph in groups: its small values, and arrays.

    Parameters
    ----------
    graph
        What was traced.
    root
        The same, folded.
    name
        What the model is called.
    failure
        What is said of the graph's failure, if it has one.
    """
    drawing = _Drawing(graph, root)
    lines = _Lines()
    meta = {
        "name": name,
        "nodes": _columns(graph.nodes, lines),
        "groups": [_group(graph, group, parent, lines) for group, parent in drawing.groups],
        "outputs": list(graph.outputs),
        "failure": None if failure is None else _failure(graph, failure, drawing, lines),
        "unused": [path or name for path, info in graph.modules.items() if info.unused],
        "lines": lines.told,
    }
    return meta, drawing.arrays()


def differences(before: Graph, after: Graph) -> dict[str, Array]:
    """Return for each node of two graphs whether it is the same in both.

    u1 [nodes]: 0 is the same, 1 of another shape, type or size, 2 in one of them alone.
    """
    told = [np.full(len(graph.nodes), 2, "u1") for graph in (before, after)]
    for pair in compare(before, after).pairs:
        if pair.before is not None and pair.after is not None:
            told[0][pair.before] = told[1][pair.after] = pair.change == "changed"
    return {"change0": told[0], "change1": told[1]}


class _Lines:
    """Lines of source, each told once."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self._places: dict[Line, int] = {}

    def place(self, line: Line | None) -> int:
        if line is None:
            return -1
        if line not in self._places:
            self._places[line] = len(self.told)
            self.told.append(
                {
                    "file": line.file,
                    "number": line.number,
                    "function": line.function,
                    "text": line.text,
                }
            )
        return self._places[line]


class _Drawing:
    """Which nodes are drawn, in which group, and by which edges.

    Of a repeat or a loop the first instance is drawn, and stands for all.
    """

    def __init__(self, graph: Graph, root: Group) -> None:
        self._graph = graph
        count = len(graph.nodes)
        self.groups: list[tuple[Group, int]] = []
        self.place: dict[int, int] = {}
        """Of a group by its identity."""
        self._group = np.zeros(count, "u4")
        self._same = np.arange(count, dtype="u4")
        # The instances of repeats and loops that each node lies in: (the group's place, which).
        self._instances: list[tuple[tuple[int, int], ...]] = [()] * count
        self._shown = _shown(graph)
        self._put(root, -1, ())
        self._edges = self._joined()

    def arrays(self) -> dict[str, Array]:
        """Return what is drawn, by node, and the edges between."""
        ends = np.array(self._edges, "u4").reshape(-1, 2)
        return {
            "group": self._group,
            "same": self._same,
            "from": ends[:, 0].copy(),
            "to": ends[:, 1].copy(),
        }

    def drawn(self, node: int) -> int:
        """Return the node that stands for one."""
        return int(self._same[node])

    def _put(self, group: Group, parent: int, instances: tuple[tuple[int, int], ...]) -> None:
        place = self.place[id(group)] = len(self.groups)
        self.groups.append((group, parent))
        within = instances if not group.instances else (*instances, (place, 0))
        for child in group.children:
            if isinstance(child, Group):
                self._put(child, place, within)
            elif child in self._shown:
                self._group[child] = place + 1
                self._instances[child] = within
        for number, other in enumerate(group.instances[1:], 1):
            self._alike(other, group.instances[0], (place, number))

    def _alike(self, other: Group, first: Group, instance: tuple[int, int]) -> None:
        """Let what is drawn of the first instance stand for another one."""
        for theirs, ours in _pairs(other, first, self._graph):
            drawn = int(self._same[ours])
            self._same[theirs] = drawn
            place, number = instance
            self._instances[theirs] = tuple(
                (one, number if one == place else which) for one, which in self._instances[drawn]
            )

    def _joined(self) -> list[tuple[int, int]]:
        edges: dict[tuple[int, int], None] = {}
        for target, node in enumerate(self._graph.nodes):
            for source in node.inputs:
                if self._meets(source, target):
                    edges[self.drawn(source), self.drawn(target)] = None
        for group, _ in self.groups:
            if group.kind == "loop":
                for source, target in group.carried:
                    edges[self.drawn(source), self.drawn(target)] = None
        return [
            (source, target)
            for source, target in edges
            if source != target and self._group[source] and self._group[target]
        ]

    def _meets(self, source: int, target: int) -> bool:
        """Whether an edge does not lead from one instance of a repeat to another one."""
        theirs = dict(self._instances[source])
        return all(theirs.get(place, which) == which for place, which in self._instances[target])


def _pairs(other: Group, first: Group, graph: Graph) -> Iterator[tuple[int, int]]:
    """Yield the nodes of two groups that do the same, each with its like."""

    def done(group: Group) -> list[Group | int]:
        return [
            child
            for child in group.instances or group.children
            if isinstance(child, Group) or graph.nodes[child].kind in _DONE
        ]

    for theirs, ours in zip(done(other), done(first), strict=False):
        if isinstance(theirs, Group) and isinstance(ours, Group):
            yield from _pairs(theirs, ours, graph)
        elif isinstance(theirs, int) and isinstance(ours, int):
            yield theirs, ours


def _shown(graph: Graph) -> frozenset[int]:
    """Return the nodes that have a box of their own.

    The weights of a layer are told of with the layer; those that a module with parts uses itself,
    or that another module uses, are drawn.
    """
    containers = {path.rpartition(".")[0] for path in graph.modules if path}
    shown = {
        index for index, node in enumerate(graph.nodes) if node.kind not in {"parameter", "buffer"}
    }
    for node in graph.nodes:
        for source in node.inputs:
            given = graph.nodes[source]
            own = node.module == given.module and given.module not in containers
            if given.kind in {"parameter", "buffer"} and not own:
                shown.add(source)
    return frozenset(shown)


def _columns(nodes: Sequence[Node], lines: _Lines) -> dict[str, list[Any]]:
    return {
        "kind": [node.kind for node in nodes],
        "name": [node.name for node in nodes],
        "module": [node.module for node in nodes],
        "shape": [_shape(node.shape) for node in nodes],
        "dtype": [str(node.dtype).removeprefix("torch.") for node in nodes],
        "line": [lines.place(node.line) for node in nodes],
        "parameters": [node.parameters for node in nodes],
        "macs": [node.macs for node in nodes],
        "bytes": [node.bytes for node in nodes],
        "seconds": [node.seconds for node in nodes],
        "left": [node.left for node in nodes],
    }


def _group(graph: Graph, group: Group, parent: int, lines: _Lines) -> dict[str, Any]:
    calls = [graph.calls[index] for index in group.calls]
    info = None if group.kind == "part" else graph.modules.get(group.path)
    outputs = calls[-1].outputs if calls else ()
    last = outputs[0] if outputs else max(group.nodes(), default=-1)
    return {
        "key": group.key,
        "path": group.path,
        "label": group.label,
        "kind": group.kind,
        "count": group.count,
        "parent": parent,
        "closed": group.closed,
        "parameters": group.parameters,
        "macs": group.macs,
        "unknown": group.unknown,
        "bytes": group.bytes,
        "seconds": group.seconds,
        "inputs": [_shape(one) for one in calls[0].input_shapes] if calls else [],
        "outputs": [_shape(one) for one in calls[-1].output_shapes] if calls else [],
        "output": last,
        "settings": "" if info is None else info.settings,
        "names": [] if info is None else list(info.names),
        "shared": info is not None and info.shared,
        "unused": info is not None and info.unused,
        "note": "" if info is None else info.note,
        "line": lines.place(_line(graph, group)),
    }


def _line(graph: Graph, group: Group) -> Line | None:
    """Return where a module of one's own says what it does; of torch's where it is called."""
    info = None if group.kind == "part" else graph.modules.get(group.path)
    if info is not None and not info.type.__module__.startswith("torch."):
        return info.line
    return next((line for node in group.nodes() if (line := graph.nodes[node].line)), None)


def _failure(
    graph: Graph, said: InputError, drawing: _Drawing, lines: _Lines
) -> dict[str, Any] | None:
    failure = graph.failure
    if failure is None:
        return None
    return {
        "sentence": sentence(said),
        "name": failure.name,
        "module": failure.module,
        "shapes": [_shape(one) for one in failure.shapes],
        "group": _group_of(graph, failure.module, drawing),
        "inputs": list(failure.inputs),
        "line": lines.place(failure.line),
    }


def _group_of(graph: Graph, module: str, drawing: _Drawing) -> int:
    """Return the group of a module's last call, or the nearest around it that is drawn."""
    calls = [index for index, call in enumerate(graph.calls) if call.module == module]
    at: int | None = calls[-1] if calls else 0
    while at is not None:
        for place, (group, _) in enumerate(drawing.groups):
            if group.kind == "module" and at in group.calls:
                return place
        at = graph.calls[at].parent
    return 0


def _shape(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape)) or "()"

"""A graph in groups: by module and call, what repeats folded, loops over time as one cell."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from dl_lab.errors import InputError, shown
from dl_lab.nets.graph.nodes import Graph, ModuleInfo
from dl_lab.nets.graph.repeats import Run, Sequel

Kind = Literal["module", "repeat", "loop", "part"]

# Nodes that have their place in the order of the pass.
_DONE = frozenset({"operation", "unseen"})
# So many single layers, or operations of one module, make a repeat.
_MANY = 3


@dataclass
class Group:
    """What is drawn as one box: a call of a module, or several that do the same."""

    path: str
    """The module's name, as in ``named_modules``; of a repeat the first one's."""
    label: str
    """The module's class; of a part the classes in it."""
    kind: Kind = "module"
    """``module``: one call. ``repeat``: siblings that do the same, drawn as the first. ``loop``:
    calls of one module that follow from each other, drawn as one cell. ``part``: several
    siblings in a row that a repeat or loop consists of."""
    count: int = 1
    """12 for ×12, the steps of a loop."""
    children: list[Group | int] = field(default_factory=list)
    """Groups and indices of nodes, in the order of the pass. Of a repeat or a loop those of its
    first instance."""
    key: str = ""
    """One of its own, the same in each trace of the same model: what a view remembers as open."""
    calls: tuple[int, ...] = ()
    """Its calls in `Graph.calls`; of a repeat or a loop those of all instances."""
    instances: list[Group] = field(default_factory=list)
    """Of a repeat or a loop all that it stands for, in their order; the first is the one drawn."""
    carried: tuple[tuple[int, int], ...] = ()
    """What goes from one instance to the next, by nodes of the first: (the one whose numbers are
    handed on, the one that takes them in the next instance)."""
    closed: bool = False
    """The rule keeps it closed at first."""
    parameters: int = 0
    """Of its modules, each once, for all instances."""
    macs: int = 0
    """Of all instances, without the operations whose multiply-adds are not known."""
    unknown: int = 0
    """How many operations those are."""
    bytes: int = 0
    """Of the outputs of all operations in it."""
    seconds: float | None = None
    """Of all operations in it, where time was measured."""

    def nodes(self) -> Iterator[int]:
        """Yield the nodes in it, of a repeat or loop those of all instances."""
        for child in self.instances or self.children:
            if isinstance(child, Group):
                yield from child.nodes()
            else:
                yield child


Rule = Callable[[Group], bool] | Sequence[str | type]


def fold(graph: Graph, rule: Rule | None = None) -> Group:
    """Return the graph in groups, the model's own outermost.

    Siblings fold to a ``repeat`` if they do the same operations on the same shapes with the same
    edges, and either each goes on from the one before or they are modules with parts (such as
    heads of attention side by side); of single layers in a row it takes three. Calls of the same
    module that go on from each other are a ``loop``.

    Parameters
    ----------
    graph
        Of any model.
    rule
        What stays closed: a function of a group, or regular expressions for names of modules and
        classes, and the classes themselves. By default torch's own layers and what has no parts.

    Raises
    ------
    InputError
        A text is not a regular expression.

    Examples
    --------
    >>> from torch import nn, ones
    >>> from dl_lab.nets.graph.trace import trace
    >>> layers = [nn.TransformerEncoderLayer(8, 2, 16, batch_first=True) for _ in range(6)]
    >>> root = fold(trace(nn.Sequential(*layers, nn.Linear(8, 3)), [ones(1, 4, 8)]))
    >>> [(one.kind, one.label, one.count) for one in root.children if isinstance(one, Group)]
    [('repeat', 'TransformerEncoderLayer', 6), ('module', 'Linear', 1)]
    """
    return _Folding(graph, rule).root()


class _Folding:
    def __init__(self, graph: Graph, rule: Rule | None) -> None:
        self._graph = graph
        self._closed = _closing(graph.modules, rule)
        self._within = _within(graph)
        self._ranks: dict[object, int] = {}

    def root(self) -> Group:
        root = self._group(0, "")
        if root is None:  # a model that does nothing still has inputs
            root = Group("", self._label(""), calls=(0,), children=[*self._within[0]])
        return root

    def _label(self, path: str) -> str:
        info = self._graph.modules.get(path)
        return "" if info is None else info.class_name

    def _group(self, index: int, above: str) -> Group | None:
        """Return a call as a group, or None if nothing is in it."""
        call = self._graph.calls[index]
        again = f"@{call.number}" if call.number else ""
        key = f"{above}/{call.module}{again}" if index else "."
        parts: list[Group | int] = []
        for child in self._within[index]:
            if child >= 0:
                parts.append(child)
            elif (group := self._group(~child, key)) is not None:
                parts.append(group)
        if not parts:
            return None
        group = Group(call.module, self._label(call.module), key=key, calls=(index,))
        group.children = self._folded(parts, group)
        return self._summed(group)

    def _folded(self, parts: list[Group | int], above: Group) -> list[Group | int]:
        nodes = self._graph.nodes
        given = [one for one in parts if isinstance(one, int) and nodes[one].kind not in _DONE]
        done = [one for one in parts if isinstance(one, Group) or nodes[one].kind in _DONE]
        members = [[one] if isinstance(one, int) else list(one.nodes()) for one in done]
        sequel = Sequel(self._graph, [self._rank(one) for one in done], members)
        folded: list[Group | int] = list(given)
        at = 0
        for run in sequel.runs(self._folds(done)):
            folded += done[at : run.start]
            folded.append(self._repeat(run, done, above))
            at = run.start + run.period * run.count
        return folded + done[at:]

    def _folds(self, done: list[Group | int]) -> Callable[[Run], bool]:
        def folds(run: Run) -> bool:
            tile = done[run.start : run.start + run.period]
            groups = [one for one in tile if isinstance(one, Group)]
            with_parts = any(_has_parts(one, self._graph) for one in groups)
            if not run.carried:
                return run.period == 1 and with_parts
            if groups and (with_parts or self._again(run, done)):
                return True
            names = {self._graph.nodes[one].name for one in tile if isinstance(one, int)}
            return run.count >= _MANY and (bool(groups) or len(names) > 1)

        return folds

    def _again(self, run: Run, done: list[Group | int]) -> bool:
        """Whether all tiles of a run call the same modules."""
        tiles = [
            [one.path for one in done[start : start + run.period] if isinstance(one, Group)]
            for start in range(run.start, run.start + run.period * run.count, run.period)
        ]
        return all(tile == tiles[0] for tile in tiles)

    def _repeat(self, run: Run, done: list[Group | int], above: Group) -> Group:
        instances: list[Group] = []
        for number in range(run.count):
            start = run.start + number * run.period
            tile = done[start : start + run.period]
            if isinstance(tile[0], Group) and run.period == 1:
                instances.append(tile[0])
            else:
                instances.append(self._part(tile, f"{above.key}/{run.start}+{number}", above))
        first = instances[0]
        loop = bool(run.carried) and self._again(run, done)
        return self._summed(
            Group(
                first.path,
                first.label,
                "loop" if loop else "repeat",
                run.count,
                first.children,
                f"{first.key}×",
                tuple(call for one in instances for call in one.calls),
                instances,
                run.carried,
            )
        )

    def _part(self, tile: list[Group | int], key: str, above: Group) -> Group:
        groups = [one for one in tile if isinstance(one, Group)]
        names = [one.label for one in groups] or [
            self._graph.nodes[one].name for one in tile if isinstance(one, int)
        ]
        part = Group(
            groups[0].path if groups else above.path,
            " · ".join(dict.fromkeys(names)),
            "part",
            children=tile,
            key=key,
            calls=tuple(call for one in groups for call in one.calls),
        )
        return self._summed(part)

    def _rank(self, part: Group | int) -> int:
        """Return a number that is the same for what does the same."""
        nodes = self._graph.nodes
        if isinstance(part, int):
            node = nodes[part]
            return self._number(("node", node.name, node.shape, node.dtype))
        return self._number((part.label, tuple(self._outline(part)), self._steps(part)))

    def _steps(self, part: Group) -> tuple[object, ...]:
        nodes = self._graph.nodes
        done = [index for index in part.nodes() if nodes[index].kind in _DONE]
        place = {index: at for at, index in enumerate(done)}
        return tuple(
            (
                nodes[index].name,
                nodes[index].shape,
                nodes[index].dtype,
                tuple(
                    place[source] if source in place else self._given(source)
                    for source in nodes[index].inputs
                ),
            )
            for index in done
        )

    def _given(self, source: int) -> tuple[str, tuple[int, ...]]:
        node = self._graph.nodes[source]
        own = node.kind in {"parameter", "buffer"}
        return (node.kind if own else "given", node.shape)

    def _outline(self, part: Group) -> Iterator[object]:
        for child in part.children:
            if isinstance(child, Group):
                yield (child.label, child.kind, child.count, *self._outline(child))

    def _number(self, what: object) -> int:
        return self._ranks.setdefault(what, len(self._ranks))

    def _summed(self, group: Group) -> Group:
        nodes = [self._graph.nodes[index] for index in group.nodes()]
        done = [node for node in nodes if node.kind in _DONE]
        group.macs = sum(node.macs or 0 for node in done)
        group.unknown = sum(node.macs is None for node in done)
        group.bytes = sum(node.bytes for node in done)
        measured = [node.seconds for node in done if node.seconds is not None]
        group.seconds = sum(measured) if measured else None
        modules = self._graph.modules
        group.parameters = sum(
            modules[path].parameters for path in dict.fromkeys(_paths(group)) if path in modules
        )
        group.closed = self._closed(group)
        return group


def _paths(group: Group) -> Iterator[str]:
    """Yield the modules whose parameters a group has."""
    if group.kind == "module":
        yield group.path
        return
    for one in group.instances or group.children:
        if isinstance(one, Group):
            yield from _paths(one)


def _has_parts(group: Group, graph: Graph) -> bool:
    """Whether a group is more than a single layer."""
    if any(isinstance(child, Group) for child in group.children):
        return True
    return sum(graph.nodes[index].kind == "operation" for index in group.nodes()) > 1


def _within(graph: Graph) -> list[list[int]]:
    """Return for each call what is in it, in order: nodes, and calls as their complement."""
    within: list[list[tuple[int, int, int]]] = [[] for _ in graph.calls]
    users: dict[int, int] = {}
    for node in reversed(graph.nodes):
        for source in node.inputs:
            users[source] = node.owner
    first = {call.module: index for index, call in reversed(list(enumerate(graph.calls)))}
    for index, node in enumerate(graph.nodes):
        if node.kind in _DONE:
            owner = node.owner
        elif node.kind == "input":
            owner = 0
        else:  # where it is used first
            owner = users.get(index, first.get(node.module, 0))
        within[owner].append((index, 1, index))
    for index, call in enumerate(graph.calls):
        if call.parent is not None:
            within[call.parent].append((call.first, 0, ~index))
    return [[what for _, _, what in sorted(one)] for one in within]


def _closing(modules: dict[str, ModuleInfo], rule: Rule | None) -> Callable[[Group], bool]:
    """Return which groups are closed."""
    if callable(rule):
        return lambda group: bool(rule(group))

    def of_torch(group: Group) -> bool:
        info = modules.get(group.path)
        own = info is not None and info.type.__module__.startswith("torch.nn.")
        plain = own and not info.type.__module__.endswith(".container")  # type: ignore[union-attr]  # it is one
        return group.path != "" and (
            plain or not any(isinstance(child, Group) for child in group.children)
        )

    if rule is None:
        return of_torch
    patterns = [_pattern(one) for one in rule if isinstance(one, str)]
    classes = tuple(one for one in rule if isinstance(one, type))

    def matched(group: Group) -> bool:
        info = modules.get(group.path)
        return (info is not None and issubclass(info.type, classes)) or any(
            one.search(text) for one in patterns for text in (group.path, group.label)
        )

    return matched


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    # Numbers and brackets beyond what it can count are of their own kinds.
    except (re.error, OverflowError, RecursionError) as error:
        raise InputError("graph_pattern", given=shown(text), detail=error) from error


def groups(group: Group) -> Iterable[Group]:
    """Yield a group and all groups in it; of repeats the first instance.

    Examples
    --------
    >>> [one.label for one in groups(Group("", "Net", children=[Group("a", "Linear"), 3]))]
    ['Net', 'Linear']
    """
    yield group
    for child in group.children:
        if isinstance(child, Group):
            yield from groups(child)

"""A graph in groups: by module and call, what repeats folded, loops over time as one cell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from dl_lab.nets.graph.nodes import Graph

Kind = Literal["module", "repeat", "loop"]


@dataclass
class Group:
    """What is drawn as one box: a call of a module, or several that do the same."""

    path: str
    """The module's name, as in ``named_modules``; of a repeat the first one's."""
    label: str
    """The module's class."""
    kind: Kind = "module"
    """``module``: one call. ``repeat``: siblings that do the same one after the other, drawn as
    the first. ``loop``: calls of one module that follow from each other, drawn as one cell."""
    count: int = 1
    """12 for ×12, the steps of a loop."""
    children: list[Group | int] = field(default_factory=list)
    """Groups and indices of nodes, in the order of the pass. Of a repeat or a loop those of its
    first instance."""
    key: str = ""
    """One of its own, the same in each trace of the same model: what a view remembers as open."""
    calls: tuple[int, ...] = ()
    """Its calls in `Graph.calls`; of a repeat or a loop one for each instance."""
    instances: list[Group] = field(default_factory=list)
    """Of a repeat or a loop all that it stands for, in their order; the first is the one drawn."""
    carried: tuple[tuple[int, int], ...] = ()
    """Of a loop its edge back: (the node in the first step that hands on, the node in it that
    takes that in the next step)."""
    closed: bool = False
    """The learner's rule keeps it closed at first."""
    parameters: int = 0
    """Of its modules, each parameter once, for all instances."""
    macs: int | None = 0
    """Of all instances; None where one operation's are not known."""
    bytes: int = 0
    seconds: float | None = None


Rule = Callable[[Group], bool] | Sequence[str | type]


def fold(graph: Graph, rule: Rule | None = None) -> Group:
    """Return the graph in groups, the model's own outermost.

    Parameters
    ----------
    graph
        Of any model.
    rule
        What stays closed: a function of a group, or regular expressions for names of modules and
        classes, and the classes themselves. By default torch's own layers and what has no parts.
    """
    raise NotImplementedError

"""What a traced graph consists of: its operations, the calls they belong to, its modules."""

from __future__ import annotations

import linecache
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import builtins

    import torch

Kind = Literal["input", "parameter", "buffer", "operation", "unseen"]

Note = Literal["", "compiled", "scripted", "lazy"]

Left = Literal["numpy", "script", "transform", "unknown"]


@dataclass(frozen=True)
class Line:
    """A line of source, such as the one that made an operation."""

    file: str
    """As Python names it; of a notebook's cell the name that IPython has given it."""
    number: int
    """From 1."""
    function: str = ""
    """The function or method that it stands in."""

    @property
    def text(self) -> str:
        """The line itself without its indentation, or "" where the file cannot be read."""
        return linecache.getline(self.file, self.number).strip()


@dataclass(frozen=True)
class Node:
    """An operation, or what the first ones were given."""

    kind: Kind
    """``unseen`` for numbers that no operation of torch's here has made; `left` says whose."""
    name: str
    """Of an operation torch's name, such as ``conv2d``; of a parameter or buffer its own."""
    module: str
    """The module that it belongs to, as in ``named_modules``: of an operation the innermost that
    calls it."""
    inputs: tuple[int, ...]
    """Indices of the nodes whose numbers it takes, in their order."""
    shape: tuple[int, ...]
    """Of its output; of several the first one's."""
    dtype: torch.dtype
    owner: int = 0
    """Of an operation the index of the call in `Graph.calls` that it belongs to."""
    stack: tuple[str, ...] = ()
    """Of an operation the modules that are being called, from the model "" to `module`."""
    call: tuple[int, ...] = ()
    """How many times each module of `stack` had been called before by the one above it: 0 but for
    what is called again, such as a cell in a loop over time."""
    line: Line | None = None
    """The innermost line outside torch that made it; None where the call of the whole model is
    that line, as in a Sequential."""
    parameters: int = 0
    """How many numbers the parameters have that it takes; of a parameter its own."""
    macs: int | None = 0
    """Its multiply-adds, or None where they are not known. See `dl_lab.nets.graph.costs`."""
    bytes: int = 0
    """Of its outputs, views included."""
    seconds: float | None = None
    """How long the operation took in the traced pass, or None where that was not measured."""
    left: Left | None = None
    """Of an ``unseen`` node who made its numbers: ``numpy``, a compiled ``script``, a
    ``transform`` such as `torch.func.vmap`, or ``unknown``."""
    names: tuple[str, ...] = ()
    """Of a parameter that belongs to the model under several names all of them, in full."""
    reads: tuple[str, ...] = ()
    """How Python or numpy read its numbers, such as ``item``, ``bool`` or ``numpy``: what the
    model does next may depend on them, and is drawn as it went this time."""


@dataclass
class Call:
    """One call of one module."""

    module: str
    """Its name, as in ``named_modules``."""
    number: int
    """How many times the same module had been called before by the same caller."""
    parent: int | None
    """The call that made this one; None for the model's own."""
    inputs: tuple[int, ...] = ()
    """The nodes whose numbers it was given."""
    outputs: tuple[int, ...] = ()
    """The nodes whose numbers it returned; empty where it raised an exception."""
    input_shapes: tuple[tuple[int, ...], ...] = ()
    output_shapes: tuple[tuple[int, ...], ...] = ()
    first: int = 0
    """The node that was next when it began: its operations are among ``first`` … ``last - 1``."""
    last: int = 0
    seconds: float | None = None
    """With everything in it, where time was measured."""


@dataclass(frozen=True)
class ModuleInfo:
    """A module of the model, called or not."""

    path: str
    """As in ``named_modules``; what `torch.compile` has wrapped around it left out."""
    class_name: str
    parameters: int
    """Of it and its parts, each once."""
    own_parameters: int = 0
    """Of it alone."""
    trainable: int = 0
    """Of `parameters` those that ask for gradients."""
    shared: bool = False
    """It, or a parameter of its own, belongs to the model under another name too."""
    unused: bool = False
    """It has parameters of its own that no output depends on."""
    calls: int = 0
    """How many times it was called."""
    line: Line | None = None
    """Where its ``forward`` stands."""
    names: tuple[str, ...] = ()
    """All its names, if it has several."""
    note: Note = ""
    """``compiled``: run here as it was written. ``scripted``: its operations are hidden in one
    node. ``lazy``: its parameters get their shapes by the first pass."""
    settings: str = ""
    """What its class says of it, such as ``in_features=2, out_features=3, bias=True``."""
    kernel: tuple[int, ...] | None = None
    """The size of its kernel, if it has one; one number stands for all dimensions."""
    type: builtins.type = object
    """Its class."""


@dataclass(frozen=True)
class Failure:
    """Where a forward pass ended by an error."""

    module: str
    """The innermost one, as in ``named_modules``."""
    name: str
    """The operation, or "" where it was none of torch's."""
    shapes: tuple[tuple[int, ...], ...]
    """Of the tensors that the operation was given."""
    error: Exception
    line: Line | None = None
    """The innermost line outside torch."""
    inputs: tuple[int, ...] = ()
    """The nodes whose numbers the operation was given."""
    needs_values: bool = False
    """A number was asked of the meta device, which has shapes but no numbers."""


@dataclass
class Graph:
    """What one forward pass did, in its order; after an error, what it did until then."""

    nodes: list[Node] = field(default_factory=list)
    outputs: tuple[int, ...] = ()
    """Indices of the nodes whose numbers the model returned."""
    failure: Failure | None = None
    calls: list[Call] = field(default_factory=list)
    """Every call of a module, in the order in which they began; the first is the model's."""
    modules: dict[str, ModuleInfo] = field(default_factory=dict)
    """By their names, in the model's order."""

    @cached_property
    def needed(self) -> frozenset[int]:
        """The nodes that the outputs depend on."""
        found: set[int] = set()
        waiting = list(self.outputs)
        while waiting:
            index = waiting.pop()
            if index not in found:
                found.add(index)
                waiting += self.nodes[index].inputs
        return frozenset(found)

    @cached_property
    def unused(self) -> tuple[int, ...]:
        """The parameters that no output depends on; after an error none is known to be."""
        if self.failure is not None:
            return ()
        return tuple(
            index
            for index, node in enumerate(self.nodes)
            if node.kind == "parameter" and index not in self.needed
        )

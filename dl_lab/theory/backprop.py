"""Backpropagation in numbers: every operation of a function, its value and its gradient.

The function runs as it is. Each operation of torch's gets copies of its inputs, so that each edge
of the graph is a tensor of its own, from which autograd tells the edge's gradient and the local
derivative alone, though the same number may reach the output by other ways too.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_flatten, tree_map_only, tree_unflatten

from dl_lab.errors import InputError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from types import FrameType

MOST_OPERATIONS = 60
"""As many as a person can follow, and a page can draw."""

MOST_NUMBERS = 2048
"""Of one tensor."""

Kind = Literal["input", "parameter", "constant", "operation"]

# They change or tell something about the very tensor that they are called on.
_ON_ITSELF = frozenset({"requires_grad_", "retain_grad", "__set__", "register_hook", "backward"})
_IN_PLACE = frozenset(
    {"__setitem__", "iadd", "isub", "imul", "idiv", "itruediv", "ipow", "imatmul"}
)
_TORCH = os.path.dirname(torch.__file__) + os.sep  # noqa: PTH120 - of each frame that returns


@dataclass(eq=False)
class Edge:
    """The way of a node's numbers into an operation."""

    source: int
    """The node's place."""
    carried: Tensor
    """Its numbers, copied for this operation alone."""
    gradient: Tensor | None = None
    """What comes back by this way; None where nothing does."""


@dataclass(eq=False)
class Node:
    """A number or tensor that the function is given or computes."""

    kind: Kind
    name: str
    operation: str = ""
    """Torch's name of what made it, such as ``matmul``."""
    constants: str = ""
    """The plain numbers among the operation's arguments."""
    edges: list[Edge] = field(default_factory=list)
    tensor: Tensor = field(default_factory=lambda: torch.empty(0))
    """As the operation made it, in autograd's graph."""
    value: Tensor = field(default_factory=lambda: torch.empty(0))
    """What the rest of the function was given: the same, or what somebody has added to it."""
    gradient: Tensor | None = None
    """Of the output with respect to it: the sum over all edges that leave it."""
    noted: int = 0
    """As how many-th it was noted, which tells it from one run to the next."""


@dataclass
class Problem:
    """What is differentiated: a function of named tensors that returns one number.

    Attributes
    ----------
    function
        Gets the values by their names.
    values
        Where it begins.
    trainable
        Names of the values that a training step changes.
    parameters
        Names of those that are drawn as parameters; the others are inputs.
    fixed
        Names of those that get no gradient, such as targets.
    guard
        Makes the context in which it runs: one that leaves a model and random generators as they
        were.
    rate, iterations
        Of the training that belongs to it.
    output, target
        Names of the node and of the value whose mean absolute difference is the error.
    """

    function: Callable[[Mapping[str, Tensor]], Tensor]
    values: dict[str, Tensor]
    trainable: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    guard: Callable[[], AbstractContextManager[Any]] = contextlib.nullcontext
    rate: float = 0.5
    iterations: int = 1000
    output: str = ""
    target: str = ""


@dataclass
class Passes:
    """A forward and a backward pass, node by node in the order of the forward pass."""

    nodes: list[Node]
    output: int
    """The place of the number that all gradients are of."""

    @property
    def loss(self) -> float:
        """The function's value."""
        return float(self.nodes[self.output].value)

    def place(self, name: str) -> int:
        """Return where the node of a name is, or refuse the name."""
        names = [node.name for node in self.nodes]
        if name not in names:
            raise InputError.unknown("node", name, names)
        return names.index(name)


@dataclass(frozen=True)
class Term:
    """One way by which a number reaches the output, as a product of the chain rule."""

    consumer: int
    """The operation's place."""
    index: int
    """Which number of the operation's output, counted row by row."""
    upstream: float
    """The derivative of the output with respect to that."""
    local: float
    """The derivative of that with respect to the number."""


def passes(
    problem: Problem,
    values: Mapping[str, Tensor] | None = None,
    added: Mapping[int, Tensor] | None = None,
) -> Passes:
    """Run a function forward, noting each operation, and backward, one operation at a time.

    Parameters
    ----------
    problem
        The function.
    values
        In place of the values where it begins.
    added
        Tensors by what `Node.noted` says of operations: these are added to what they compute before
        the rest of the function is given it, and the derivatives are taken there.

    Raises
    ------
    InputError
        What the function raises, returns, or is too large.

    Examples
    --------
    >>> a, b = torch.tensor(2.0), torch.tensor(1.0)
    >>> olah = Problem(lambda v: (v["a"] + v["b"]) * (v["b"] + 1), {"a": a, "b": b})
    >>> found = passes(olah)
    >>> [(node.name, float(node.value), float(node.gradient)) for node in found.nodes]
    [('a', 2.0, 2.0), ('b', 1.0, 5.0), ('v1', 3.0, 2.0), ('v2', 2.0, 3.0), ('v3', 6.0, 1.0)]
    """
    tape = _Tape(added or {})
    leaves = {}
    for name, value in (problem.values if values is None else values).items():
        kind: Kind = "parameter" if name in problem.parameters else "input"
        leaf = value.detach().clone()
        if leaf.is_floating_point() and name not in problem.fixed:
            leaf.requires_grad_()
        leaves[name] = leaf
        tape.know(kind, name, leaf)
    with problem.guard(), torch.enable_grad():
        result = _called(problem, leaves, tape)
    found = _leading_to(tape.source(result), tape.nodes, len(leaves))
    _backward(found)
    if not any(node.gradient is not None and not node.edges for node in found.nodes):
        raise InputError("backprop_constant", count=len(leaves))
    return found


def plain(problem: Problem, values: Mapping[str, Tensor]) -> Tensor:
    """Run the function alone, noting nothing."""
    with problem.guard():
        return _result(problem, values)


def check(problem: Problem) -> None:
    """Refuse a function whose graph would compute other numbers than the function alone.

    Raises
    ------
    InputError
        As `passes`; or it writes into a view of a tensor, of which the graph has only copies.
    """
    found, expected = passes(problem).loss, float(plain(problem, problem.values))
    if not math.isclose(found, expected, rel_tol=1e-4, abs_tol=1e-6) and math.isfinite(expected):
        raise InputError("backprop_views", found=f"{found:.6g}", expected=f"{expected:.6g}")


def difference_quotient(
    problem: Problem,
    values: Mapping[str, Tensor],
    added: Mapping[int, Tensor],
    found: Passes,
    place: int,
    at: int,
) -> tuple[float, float]:
    """Return (L(v + ε) - L(v - ε)) / 2ε for one number of a node, and ε.

    Parameters
    ----------
    values, added, found
        What `passes` was given, and returned.
    place, at
        The node, and which of its numbers, counted row by row.
    """
    try:
        return _quotient(problem, _wide(values), _wide(added), found.nodes[place], at)
    except InputError:  # what it holds besides does not go with float64
        return _quotient(problem, values, added, found.nodes[place], at)


def _quotient(
    problem: Problem,
    values: Mapping[str, Tensor],
    added: Mapping[int, Tensor],
    node: Node,
    at: int,
) -> tuple[float, float]:
    begin = values[node.name] if node.name in values else node.value.to(_widest(values))
    number = begin.flatten()[at].item()
    step = torch.finfo(begin.dtype).eps ** (1 / 3) * max(1.0, abs(number))
    losses, places = [], []
    for sign in (1, -1):
        moved = begin.clone()
        moved.view(-1)[at] += sign * step
        places.append(moved.view(-1)[at].item())  # what rounding has made of it
        if node.name in values and not added:
            losses.append(float(plain(problem, {**values, node.name: moved})))
        elif node.name in values:
            losses.append(passes(problem, {**values, node.name: moved}, added).loss)
        else:
            more = added.get(node.noted, 0) + moved - begin
            losses.append(passes(problem, values, {**added, node.noted: more}).loss)
    return (losses[0] - losses[1]) / (places[0] - places[1]), step


Key = TypeVar("Key")


def _wide(tensors: Mapping[Key, Tensor]) -> dict[Key, Tensor]:
    """Return what is float32 as float64, in which differences keep more digits."""
    return {
        key: one.double() if one.dtype == torch.float32 else one for key, one in tensors.items()
    }


def _widest(values: Mapping[str, Tensor]) -> torch.dtype:
    kinds = [one.dtype for one in values.values() if one.is_floating_point()]
    return max(kinds, key=lambda kind: torch.finfo(kind).bits)


def terms(found: Passes, place: int, at: int) -> list[Term]:
    """Return the chain rule for one number of a node: a product for each way that it goes on.

    Their sum is the gradient of that number. Products of which both factors are 0 are left out.

    Examples
    --------
    >>> x = torch.tensor([3.0, 4.0])
    >>> norm = passes(Problem(lambda v: (v["x"] ** 2).sum().sqrt(), {"x": x}))
    >>> [(term.upstream, term.local) for term in terms(norm, 0, 1)]
    [(0.10000000149011612, 8.0)]
    """
    made: list[Term] = []
    for consumer, node in enumerate(found.nodes):
        if node.gradient is None:
            continue
        upstream = node.gradient.flatten()
        for edge in node.edges:
            if edge.source != place or not edge.carried.requires_grad:
                continue
            for index in range(upstream.numel()):
                local = _vjp(node, edge, index)
                if local is None:
                    break
                of_one = float(local.flatten()[at])
                if of_one != 0:
                    made.append(Term(consumer, index, float(upstream[index]), of_one))
    return made


def train(
    problem: Problem, values: Mapping[str, Tensor], rate: float, steps: int
) -> dict[str, Tensor]:
    """Do steps of gradient descent over the whole function; return the values after them.

    Examples
    --------
    >>> parabola = Problem(lambda v: v["w"] ** 2, {"w": torch.tensor(1.0)}, trainable=("w",))
    >>> train(parabola, parabola.values, 0.25, 2)["w"]
    tensor(0.2500)
    """
    now = dict(values)
    with problem.guard(), torch.enable_grad():
        for _ in range(steps):
            leaves = {name: now[name].detach().requires_grad_() for name in problem.trainable}
            loss = _result(problem, {**now, **leaves})
            found = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True)
            for (name, leaf), gradient in zip(leaves.items(), found, strict=True):
                if gradient is not None:
                    now[name] = leaf.detach() - rate * gradient
    return now


def _called(problem: Problem, leaves: Mapping[str, Tensor], tape: _Tape) -> Tensor:
    with tape, _names(tape):
        return _result(problem, leaves)


def _result(problem: Problem, values: Mapping[str, Tensor]) -> Tensor:
    try:
        result: object = problem.function(values)
    except InputError:
        raise
    except Exception as error:
        kind = type(error).__name__
        raise InputError("backprop_raised", kind=kind, detail=str(error)) from error
    if not isinstance(result, Tensor) or result.numel() != 1 or not result.is_floating_point():
        given = type(result).__name__
        if isinstance(result, Tensor):
            given = f"a tensor of shape {tuple(result.shape)} and type {result.dtype}"
        raise InputError("backprop_output", given=given)
    return result


def _leading_to(output: int, nodes: list[Node], given: int) -> Passes:
    """Keep what the function is given, and what its result depends on."""
    needed = {output, *range(given)}
    for place in range(output, -1, -1):
        if place in needed:
            needed.update(edge.source for edge in nodes[place].edges)
    kept = sorted(needed)
    places = {old: new for new, old in enumerate(kept)}
    left = [nodes[place] for place in kept]
    for node in left:
        for edge in node.edges:
            edge.source = places[edge.source]
    _name_the_rest(left)
    return Passes(left, places[output])


def _name_the_rest(nodes: list[Node]) -> None:
    """Give what no variable holds a number, as the literature does: v1, v2 and so on."""
    taken = {node.name for node in nodes}
    for node in nodes:
        letter = "v" if node.kind == "operation" else "c"
        free = (f"{letter}{number}" for number in itertools.count(1))
        node.name = node.name or next(name for name in free if name not in taken)
        taken.add(node.name)


def _backward(found: Passes) -> None:
    """Give each edge and each node its gradient, as autograd has it for each operation alone."""
    nodes = found.nodes
    nodes[found.output].gradient = torch.ones_like(nodes[found.output].value)
    for node in reversed(nodes[: found.output + 1]):
        wanted = [edge for edge in node.edges if edge.carried.requires_grad]
        if node.gradient is None or not wanted or node.tensor.grad_fn is None:
            continue
        gradients = torch.autograd.grad(
            node.tensor,
            [edge.carried for edge in wanted],
            node.gradient,
            retain_graph=True,
            allow_unused=True,
        )
        for edge, gradient in zip(wanted, gradients, strict=True):
            if gradient is not None:
                edge.gradient = gradient
                before = nodes[edge.source].gradient
                nodes[edge.source].gradient = gradient if before is None else before + gradient


def _vjp(node: Node, edge: Edge, index: int) -> Tensor | None:
    """Return the derivatives of one number of an operation's output."""
    one = torch.zeros_like(node.tensor)
    one.view(-1)[index] = 1
    (local,) = torch.autograd.grad(
        node.tensor, [edge.carried], one, retain_graph=True, allow_unused=True
    )
    return local


class _Tape(TorchFunctionMode):
    def __init__(self, added: Mapping[int, Tensor]) -> None:
        super().__init__()
        self.nodes: list[Node] = []
        self._added = added
        self._sources: dict[int, int] = {}
        self._held: list[Tensor] = []  # an id is free again where its tensor is gone
        self._operations = 0

    def know(self, kind: Kind, name: str, tensor: Tensor) -> None:
        """Add what the function is given."""
        self._add(Node(kind, name, tensor=tensor, value=tensor.detach()), tensor)

    def source(self, tensor: Tensor) -> int:
        """Return the place of the node whose numbers a tensor holds."""
        if id(tensor) not in self._sources:
            self.know("constant", "", tensor)
        return self._sources[id(tensor)]

    def call(self, name: str, tensor: Tensor) -> None:
        """Take the name of a variable for what it holds, unless either has another already."""
        place = self._sources.get(id(tensor))
        if place is None or self.nodes[place].name or name.startswith("_"):
            return
        if all(node.name != name for node in self.nodes):
            self.nodes[place].name = name

    def __torch_function__(
        self,
        func: Any,  # noqa: ANN401
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        """Run one of torch's functions on copies, and note what it made of them."""
        name = _name(func)
        if name in _ON_ITSELF:
            return func(*args, **(kwargs or {}))
        edges: list[Edge] = []

        def copied(tensor: Tensor) -> Tensor:
            edges.append(Edge(self.source(tensor), tensor.clone()))
            return edges[-1].carried

        own_args, own_kwargs = tree_map_only(Tensor, copied, (args, dict(kwargs or {})))
        in_place = name in _IN_PLACE or (name.endswith("_") and not name.endswith("__"))
        if in_place:  # what the edge carries stays as it was
            own_args = (own_args[0].clone(), *own_args[1:])
        result = func(*own_args, **own_kwargs)
        constants = _constants((args, kwargs))
        if in_place:
            node = Node("operation", "", name.strip("_"), constants, edges, tensor=own_args[0])
            args[0].copy_(self._made(node, own_args[0]))
            self._add(node, args[0])
            return None if result is None else args[0]
        parts, structure = tree_flatten(result)
        for place, part in enumerate(parts):
            if isinstance(part, Tensor):
                shared = [Edge(edge.source, edge.carried) for edge in edges]
                node = Node("operation", "", name, constants, shared, tensor=part)
                parts[place] = self._made(node, part)
                self._add(node, parts[place])
        return tree_unflatten(parts, structure)

    def _made(self, node: Node, tensor: Tensor) -> Tensor:
        """Return what the function is given of an operation's result."""
        given = tensor.clone()
        more = self._added.get(len(self.nodes))
        if more is not None and more.shape == given.shape and given.is_floating_point():
            given = given + more
        node.value = given.detach().clone()
        return given

    def _add(self, node: Node, tensor: Tensor) -> None:
        if tensor.numel() > MOST_NUMBERS:
            name = node.name or node.operation or "constant"
            given = f"{tensor.numel():,}"
            raise InputError("backprop_numbers", name=name, most=f"{MOST_NUMBERS:,}", given=given)
        self._operations += node.kind == "operation"
        if self._operations > MOST_OPERATIONS:
            raise InputError("backprop_operations", most=MOST_OPERATIONS)
        self._sources[id(tensor)] = node.noted = len(self.nodes)
        self._held.append(tensor)
        self.nodes.append(node)


@contextlib.contextmanager
def _names(tape: _Tape) -> Iterator[None]:
    """Let nodes be called as the learner's own code calls them, once a function returns."""

    def follow(frame: FrameType, event: str, _: object) -> None:
        if event != "return" or frame.f_globals is globals():
            return
        if not frame.f_code.co_filename.startswith(_TORCH):
            for name, value in list(frame.f_locals.items()):
                if isinstance(value, Tensor):
                    tape.call(name, value)

    before = sys.getprofile()
    sys.setprofile(follow)
    try:
        yield
    finally:
        sys.setprofile(before)


def _name(func: Any) -> str:  # noqa: ANN401
    name: str = getattr(func, "__name__", type(func).__name__)
    if name == "__get__":  # such as Tensor.T
        return str(getattr(getattr(func, "__self__", None), "__name__", name))
    if name in {"__setitem__", "__set__"} or not name.startswith("__"):
        return name
    return name.strip("_")


def _constants(arguments: object) -> str:
    numbers = [one for one in tree_flatten(arguments)[0] if isinstance(one, (int, float))]
    return ", ".join(f"{one:g}" for one in numbers if not isinstance(one, bool))

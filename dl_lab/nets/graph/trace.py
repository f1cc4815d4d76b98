"""The graph of a network: which operations one real forward pass makes, and on what numbers.

Torch's operations are seen by a `TorchFunctionMode`, the module that calls them by hooks; a model
needs nothing of its own for that, and what it draws, loops over or branches on is as in any other
call of it.
"""

from __future__ import annotations

import contextlib
import copy
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.overrides import TorchFunctionMode

from dl_lab.nets.graph.calls import Calls
from dl_lab.nets.graph.costs import macs
from dl_lab.nets.graph.lines import line_below, line_of
from dl_lab.nets.graph.modules import described, named_modules
from dl_lab.nets.graph.nodes import Failure, Graph, Kind, Left, Node
from dl_lab.nets.graph.sources import Sources
from dl_lab.nets.graph.values import copied, physical, shape, size, tensors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from dl_lab.nets.graph.nodes import Line

__all__ = ["Tracer", "copied", "trace"]

_COMPILER = "torch._dynamo"

# These give back the tensor that they are called on, and compute nothing.
_NO_OPERATION = frozenset({"requires_grad_", "retain_grad", "__set__"})
# These write into their first argument, or into what it was made of, and give back nothing.
_WRITES = frozenset({"__setitem__", "__delitem__", "backward"})
# Numbers leave torch by these, into an array or into what Python decides by.
_ARRAYS = frozenset({"numpy", "array", "dlpack"})
_READS = _ARRAYS | {"item", "tolist", "bool", "float", "int", "index", "complex", "contains"}
_READS |= {"equal", "allclose", "is_nonzero"}


def trace(
    model: nn.Module,
    inputs: Sequence[object] = (),
    named: Mapping[str, object] | None = None,
    *,
    seen: Callable[[int, Sequence[Tensor]], None] | None = None,
    timed: bool = False,
) -> Graph:
    """Run a model once and return the graph of what it does.

    The model runs as it is: whoever wants its buffers and random states kept calls this within
    `dl_lab.probe.untouched.untouched`. Only a lazy model stays lazy: a copy of it runs.

    Parameters
    ----------
    model
        Any module, on the meta device too. What `torch.compile` made of a model or of its parts
        runs uncompiled; a scripted part is one ``unseen`` node.
    inputs, named
        The arguments of its ``forward``: tensors, or anything that holds some.
    seen
        Called as each node comes up, with its index and the tensors that hold its numbers: of
        an operation at once, before the next may write into them.
    timed
        Measure how long each operation takes in this pass, from the call of torch's function
        until it returns, and until a device has done it. The first pass of a process is slower
        than later ones.

    Returns
    -------
    Graph
        With a `failure`, if the model raised an exception.

    Examples
    --------
    >>> model = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    >>> graph = trace(model, [torch.ones(1, 2)])
    >>> [(node.module, node.name) for node in graph.nodes if node.kind == "operation"]
    [('0', 'linear'), ('1', 'relu')]
    >>> graph.nodes[graph.outputs[0]].shape
    (1, 3)
    """
    arguments = dict(named or {})
    model, lazy = with_shapes(model, inputs, arguments)
    compiler = _COMPILER in sys.modules
    graph = Tracer(model, lazy=lazy, seen=seen, timed=timed).run(inputs, arguments)
    if not compiler and graph.failure is not None and _is_compilers(graph.failure.error):
        # The forward was the first to load the compiler, which now can be told to let it run.
        graph = Tracer(model, lazy=lazy, seen=seen, timed=timed).run(inputs, arguments)
    return graph


def with_shapes(
    model: nn.Module, inputs: Sequence[object], named: Mapping[str, object]
) -> tuple[nn.Module, frozenset[str]]:
    """Return a model whose parameters have their shapes, and which modules had none before.

    Of a lazy model that is a copy, which has run once; any other is returned as it is.

    Examples
    --------
    >>> lazy = nn.Sequential(nn.LazyLinear(2))
    >>> model, names = with_shapes(lazy, [torch.ones(1, 3)], {})
    >>> model[0].weight.shape, names, lazy[0].has_uninitialized_params()
    (torch.Size([2, 3]), frozenset({'0'}), True)
    """
    lazy = frozenset(
        path
        for path, module in named_modules(model)
        for one in (*module._parameters.values(), *module._buffers.values())  # noqa: SLF001
        if one is not None and is_lazy(one)
    )
    if lazy:
        model = copy.deepcopy(model)
        # If it fails, so will the traced pass, which tells where.
        with contextlib.suppress(Exception), torch.random.fork_rng([]), _uncompiled():
            model(*copied(list(inputs)), **copied(dict(named)))
    return model, lazy


class Tracer(TorchFunctionMode):
    """One traced pass; a recorder adds to `leaf`, `step`, `twin` and `returned`."""

    def __init__(
        self,
        model: nn.Module,
        *,
        lazy: frozenset[str] = frozenset(),
        seen: Callable[[int, Sequence[Tensor]], None] | None = None,
        timed: bool = False,
    ) -> None:
        super().__init__()
        self.graph = Graph()
        self.sources = Sources()
        self._model = model
        self._modules = list(named_modules(model))
        self._seen = seen
        self._timed = timed
        self._calls = Calls(self._modules, self)
        self._reads: dict[int, dict[str, None]] = {}
        self._arrays: list[int] = []
        self._backward: int | None = None
        self._lazy = lazy

    def run(self, inputs: Sequence[object], named: Mapping[str, object]) -> Graph:
        """Call the model and return its graph."""
        for index, value in enumerate(inputs):
            self.know("input", f"input_{index}", "", value)
        for name, value in named.items():
            self.know("input", name, "", value)
        for path, module in self._modules:
            for name, parameter in module._parameters.items():  # noqa: SLF001
                self.know("parameter", name, path, parameter)
            for name, buffer in module._buffers.items():  # noqa: SLF001
                self.know("buffer", name, path, buffer)
        self._calls.begin(tensors((inputs, named)))
        outputs: object = ()
        with self._calls.followed(), _uncompiled():
            try:
                with self:
                    outputs = self._model(*inputs, **named)
            except Exception as error:  # noqa: BLE001  # a model may raise anything
                self._ended(error)
            else:
                self.graph.failure = None  # the model went on after it
                self.graph.outputs = self.find(tensors(outputs))
                self.returned(tensors(outputs))
        self._calls.end(tensors(outputs))
        self._finish()
        # It and its calls know each other: nothing of the pass is to wait for Python's collector.
        self.sources = Sources()
        return self.graph

    def know(self, kind: Kind, name: str, path: str, value: object) -> None:
        """Add what an operation may take, unless it is known by another name."""
        for tensor in tensors(value):
            if not is_lazy(tensor) and self.sources.node(tensor) is None:
                numel = tensor.numel() if kind == "parameter" else 0
                self._add_leaf(
                    Node(
                        kind,
                        name,
                        path,
                        (),
                        shape(tensor),
                        tensor.dtype,
                        parameters=numel,
                        bytes=size(tensor),
                    ),
                    tensor,
                )

    def find(self, given: Iterable[Tensor]) -> tuple[int, ...]:
        """Return the nodes whose numbers tensors hold, each once."""
        found: dict[int, None] = {}
        for tensor in given:
            node = self.sources.node(tensor)
            if node is None:
                node = self._unknown(tensor)
            found[node] = None
            if (also := self.sources.also(tensor, node)) is not None:
                found[also] = None
        return tuple(found)

    def _unknown(self, tensor: Tensor) -> int:
        """Return the node of a tensor that no operation has returned."""
        twin = self.sources.twin(tensor)
        node = None if twin is None else self.sources.node(twin)
        if twin is not None and node is not None and node not in self._arrays:
            self.sources.put([tensor], node)
            self.twin(tensor, twin)
            return node
        if physical(tensor) is not tensor:
            return self.unseen(tensor, "transform", ())
        if self._arrays:
            return self.unseen(tensor, "numpy", tuple(dict.fromkeys(self._arrays)))
        return self.unseen(tensor, "unknown", ())

    def unseen(self, tensor: Tensor, left: Left, inputs: tuple[int, ...]) -> int:
        """Add numbers that something else than torch's functions made."""
        at = self._calls.now
        node = Node(
            "unseen",
            "unseen",
            at.module,
            inputs,
            shape(tensor),
            tensor.dtype,
            owner=at.index,
            stack=at.stack,
            call=at.numbers,
            macs=None,
            bytes=size(tensor),
            left=left,
        )
        if left == "numpy":
            self._arrays.clear()
        return self._add_leaf(node, tensor)

    def leaf(self, tensor: Tensor) -> None:
        """Take note of a tensor that no operation made."""

    def step(
        self,
        func: Any,  # noqa: ANN401
        args: tuple[Any, ...],
        named: Mapping[str, Any],
        made: Sequence[Tensor],
        index: int | None,
    ) -> None:
        """Take note of one of torch's functions, before its results are known."""

    def twin(self, tensor: Tensor, known: Tensor) -> None:
        """Take note of a tensor that lives in the memory of a known one."""

    def returned(self, outputs: Sequence[Tensor]) -> None:
        """Take note of what the model returned."""

    def __torch_function__(
        self,
        func: Any,  # noqa: ANN401
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        """Run one of torch's functions and note what it did."""
        named = kwargs or {}
        name = _name(func)
        seconds = None
        try:
            if self._timed:
                result, seconds = _measured(func, args, named)
            else:
                result = func(*args, **named)
        except Exception as error:
            self._refused(name, tensors((args, named)), error)
            raise
        if name == "__set__" and _of_data(func):
            name = "data"
        if name in _WRITES or (name == "data" and result is None):
            made = tensors(args[0])
        elif name in _NO_OPERATION:
            made = []
        else:
            made = tensors(result)
        if made:
            self._operation(func, name, args, named, made, seconds)
        elif name in _READS:
            self._read(name, tensors((args, named)))
        else:
            self.step(func, args, named, (), None)
        return result

    def _operation(
        self,
        func: Any,  # noqa: ANN401
        name: str,
        args: tuple[Any, ...],
        named: Mapping[str, Any],
        made: Sequence[Tensor],
        seconds: float | None,
    ) -> None:
        inputs = self.find(tensors((args, named)))
        nodes = self.graph.nodes
        if name == "backward":
            self._backward = len(nodes)
        elif name == "grad" and self._backward is not None:
            inputs = (*inputs, self._backward)
        self.step(func, args, named, made, len(nodes))
        at = self._calls.now
        first = made[0]
        node = Node(
            "operation",
            name,
            at.module,
            inputs,
            shape(first),
            first.dtype,
            at.index,
            at.stack,
            at.numbers,
            self._line(),
            sum(nodes[index].parameters for index in inputs if nodes[index].kind == "parameter"),
            macs(name, args, named, made),
            sum(map(size, made)),
            seconds,
        )
        written = name in _WRITES or "out" in named or _in_place(name)
        self._add(node, made, written=written)

    def _read(self, name: str, given: Iterable[Tensor]) -> None:
        for index in self.find(given):
            self._reads.setdefault(index, {})[name] = None
            if name in _ARRAYS:
                self._arrays.append(index)

    def _line(self) -> Line | None:
        return line_below(sys._getframe(3), Tracer.run.__code__)  # noqa: SLF001

    def _refused(self, name: str, given: Sequence[Tensor], error: Exception) -> None:
        """Note where an error came up first, seen from the inside."""
        known = self.graph.failure
        if known is not None and known.error is error:
            return
        numberless = any(one.is_meta for one in given) and (
            name in _READS or isinstance(error, NotImplementedError)
        )
        line = line_below(sys._getframe(2), Tracer.run.__code__)  # noqa: SLF001
        module, inputs = self._calls.now.module, self.find(given)
        self.graph.failure = Failure(
            module, name, tuple(map(shape, given)), error, line, inputs, numberless
        )

    def _ended(self, error: Exception) -> None:
        """Note the error that ended the pass: it may be one that followed from an operation's."""
        known = self.graph.failure
        if known is not None and known.error in _causes(error):
            self.graph.failure = replace(known, error=error)
            return
        line = line_of(error, Tracer.run.__code__)
        self.graph.failure = Failure(self._calls.raised_in(error), "", (), error, line)

    def _add_leaf(self, node: Node, tensor: Tensor) -> int:
        index = self._add(node, [tensor])
        self.leaf(tensor)
        return index

    def _add(self, node: Node, made: Sequence[Tensor], *, written: bool = False) -> int:
        index = len(self.graph.nodes)
        self.sources.put(made, index, written=written)
        self.graph.nodes.append(node)
        if self._seen is not None:
            with torch._C.DisableTorchFunction():  # noqa: SLF001  # a module's hook may have called
                self._seen(index, made)
        return index

    def _finish(self) -> None:
        nodes = self.graph.nodes
        for index, words in self._reads.items():
            nodes[index] = replace(nodes[index], reads=tuple(words))
        self.graph.calls = self._calls.finished(nodes, timed=self._timed)
        self.graph.modules = described(self._modules, self.graph, self.sources.node, self._lazy)


def _measured(
    func: Any,  # noqa: ANN401
    args: tuple[Any, ...],
    named: Mapping[str, Any],
) -> tuple[Any, float]:
    start = time.perf_counter()
    result = func(*args, **named)
    if any(not (one.is_cpu or one.is_meta) for one in tensors(result)):
        torch.accelerator.synchronize()
    return result, time.perf_counter() - start


def _causes(error: BaseException) -> Iterator[BaseException]:
    one: BaseException | None = error
    seen: set[int] = set()
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = one.__cause__ or one.__context__


def _of_data(func: Any) -> bool:  # noqa: ANN401
    """Whether it is what ``tensor.data = other`` calls."""
    return getattr(func.__self__, "__name__", "") == "data"


def _in_place(name: str) -> bool:
    if name.endswith("_"):
        return not name.endswith("__")
    return name in _IN_PLACE


_IN_PLACE = frozenset({"iadd", "isub", "imul", "itruediv", "ifloordiv", "imod", "ipow", "imatmul"})


def _name(func: Any) -> str:  # noqa: ANN401
    name: str = getattr(func, "__name__", type(func).__name__)
    if not name.startswith("__"):
        return name.partition(".")[0]  # exported programs call linear.default
    if name == "__get__":  # such as Tensor.T
        return str(getattr(getattr(func, "__self__", None), "__name__", name))
    return name if name in _WRITES or name == "__set__" else name.strip("_")


def _is_compilers(error: Exception) -> bool:
    return type(error).__module__.startswith(_COMPILER)


@contextlib.contextmanager
def _uncompiled() -> Iterator[None]:
    """Run what was compiled as it was written: compiled code hides what it does."""
    if _COMPILER not in sys.modules:  # which takes a second to load
        yield
        return
    with torch.compiler.set_stance("force_eager"):
        yield

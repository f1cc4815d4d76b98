"""The graph of a network: which operations one real forward pass makes, and on what numbers.

Torch's operations are seen by a `TorchFunctionMode`, the module that calls them by hooks; a model
needs nothing of its own for that, and what it draws, loops over or branches on is as in any other
call of it.
"""

from __future__ import annotations

import sys
import time
import traceback
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.overrides import TorchFunctionMode

from dl_lab.nets.graph.calls import Calls
from dl_lab.nets.graph.costs import macs
from dl_lab.nets.graph.functions import ARRAYS, NO_OPERATION, READS, WRITES, in_place, name_of
from dl_lab.nets.graph.lines import line_below, line_of
from dl_lab.nets.graph.modules import described, named_modules, names_of_shared
from dl_lab.nets.graph.nodes import Failure, Graph, Kind, Left, Node
from dl_lab.nets.graph.prepared import (
    compiler_is_loaded,
    is_compilers,
    uncompiled,
    with_shapes,
)
from dl_lab.nets.graph.sources import Sources
from dl_lab.nets.graph.values import copied, physical, shape, size, tensors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from dl_lab.nets.graph.nodes import Line

__all__ = ["Tracer", "copied", "trace"]


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
    compiler = compiler_is_loaded()
    graph = Tracer(model, lazy=lazy, seen=seen, timed=timed).run(inputs, arguments)
    if not compiler and graph.failure is not None and is_compilers(graph.failure.error):
        # The forward was the first to load the compiler, which now can be told to let it run.
        graph = Tracer(model, lazy=lazy, seen=seen, timed=timed).run(inputs, arguments)
    return graph


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
        self._handled = sys.exc_info()[1]
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
        with self._calls.followed(), uncompiled():
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
        name = name_of(func)
        seconds = None
        try:
            if self._timed:
                result, seconds = _measured(func, args, named)
            else:
                result = func(*args, **named)
        except Exception as error:
            self._refused(name, tensors((args, named)), error)
            raise
        if name in WRITES:
            made = tensors(args[0])
        elif name in NO_OPERATION:
            made = []
        else:
            made = tensors(result)
        if made:
            self._operation(func, name, args, named, made, seconds)
        elif name in READS:
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
        written = name in WRITES or "out" in named or in_place(name)
        self._add(node, made, written=written)

    def _read(self, name: str, given: Iterable[Tensor]) -> None:
        for index in self.find(given):
            self._reads.setdefault(index, {})[name] = None
            if name in ARRAYS:
                self._arrays.append(index)

    def _line(self) -> Line | None:
        return line_below(sys._getframe(3), Tracer.run.__code__)  # noqa: SLF001

    def _refused(self, name: str, given: Sequence[Tensor], error: Exception) -> None:
        """Note where an error came up first, seen from the inside."""
        known = self.graph.failure
        if known is not None and known.error is error:
            return
        numberless = any(one.is_meta for one in given) and (
            name in READS or isinstance(error, NotImplementedError)
        )
        line = line_below(sys._getframe(2), Tracer.run.__code__)  # noqa: SLF001
        module, inputs = self._calls.now.module, self.find(given)
        self.graph.failure = Failure(
            module, name, tuple(map(shape, given)), error, line, inputs, numberless
        )

    def _ended(self, error: Exception) -> None:
        """Note the error that ended the pass: it may be one that followed from an operation's."""
        known = self.graph.failure
        causes = list(_causes(error, self._handled))
        if known is not None and known.error in causes:
            self.graph.failure = replace(known, error=error)
        else:
            line = line_of(error, Tracer.run.__code__)
            self.graph.failure = Failure(self._calls.raised_in(error), "", (), error, line)
        for one in causes:
            # What the forward held is not to live as long as the graph.
            traceback.clear_frames(one.__traceback__)

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
        for index, names in names_of_shared(self._modules, self.sources.node).items():
            nodes[index] = replace(nodes[index], names=names)
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


def _causes(error: BaseException, before: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what it followed from, without what was being handled before."""
    one: BaseException | None = error
    seen: set[int] = set()
    while one is not None and one is not before and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = one.__cause__ or one.__context__

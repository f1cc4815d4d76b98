"""Which module is being called, how many times, and by which: followed by hooks."""

from __future__ import annotations

import contextlib
import sys
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor, nn
from torch.nn.modules import module as every

from dl_lab.nets.graph.modules import is_scripted, is_wrapper
from dl_lab.nets.graph.nodes import Call, Graph, Left, Node
from dl_lab.nets.graph.values import shape, tensors

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from torch.utils.hooks import RemovableHandle

    from dl_lab.nets.graph.sources import Sources


class Tracing(Protocol):
    """What the hooks tell, and ask."""

    graph: Graph
    sources: Sources

    def find(self, given: Iterable[Tensor]) -> tuple[int, ...]:
        """Return the nodes of tensors."""

    def unseen(self, tensor: Tensor, left: Left, inputs: tuple[int, ...]) -> int:
        """Add numbers that something else than torch's functions made."""


@dataclass
class Frame:
    """A call that has not returned."""

    index: int
    module: str
    stack: tuple[str, ...]
    numbers: tuple[int, ...]
    error: BaseException | None = None
    """What was being handled when it began."""
    counts: dict[str, int] = field(default_factory=dict)


class Calls:
    """The calls of a model's modules during one pass.

    Parameters
    ----------
    modules
        Of the model, by their names: they are given hooks while `followed`.
    tracing
        Whoever sees the operations between.
    """

    def __init__(self, modules: Sequence[tuple[str, nn.Module]], tracing: Tracing) -> None:
        self._modules = modules
        self._tracing = tracing
        self._calls: list[Call] = [Call("", 0, None)]
        self._frames = [Frame(0, "", ("",), (0,))]
        self._entered = False
        self._thread = threading.get_ident()
        self._raised: dict[int, tuple[BaseException, str]] = {}

    @property
    def now(self) -> Frame:
        """The innermost call."""
        return self._frames[-1]

    @contextlib.contextmanager
    def followed(self) -> Iterator[None]:
        """Follow which module is being called."""
        handles: list[RemovableHandle] = []
        scripted: dict[int, str] = {}
        try:
            for path, module in self._modules:
                if is_scripted(module):
                    scripted[id(module)] = path
                elif not is_wrapper(module):
                    handles += self._hook(path, module)
            if scripted:
                handles += self._hook_scripted(scripted)
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _hook(self, path: str, module: nn.Module) -> list[RemovableHandle]:
        def enter(_: nn.Module, args: object, named: object) -> None:
            self._enter(path, args, named)

        def leave(_: nn.Module, __: object, result: object) -> None:
            self._leave(result)

        return [
            module.register_forward_pre_hook(enter, prepend=True, with_kwargs=True),
            module.register_forward_hook(leave, always_call=True),
        ]

    def _hook_scripted(self, paths: dict[int, str]) -> list[RemovableHandle]:
        """Follow scripted modules by hooks for all modules: they take none of their own."""

        def enter(module: nn.Module, args: object) -> None:
            if id(module) in paths:
                self._enter(paths[id(module)], args, {})

        def leave(module: nn.Module, _: object, result: object) -> None:
            if id(module) in paths and threading.get_ident() == self._thread:
                with torch._C.DisableTorchFunction():  # noqa: SLF001
                    self._made_by_script(paths[id(module)], result)
                self._leave(result)

        return [
            every.register_module_forward_pre_hook(enter),
            every.register_module_forward_hook(leave, always_call=True),
        ]

    def _made_by_script(self, path: str, result: object) -> None:
        own = [
            index
            for index, node in enumerate(self._tracing.graph.nodes)
            if node.kind in {"parameter", "buffer"}
            and (node.module == path or not path or node.module.startswith(f"{path}."))
        ]
        inputs = (*self._calls[self.now.index].inputs, *own)
        for tensor in tensors(result):
            if self._tracing.sources.node(tensor) is None:
                self._tracing.unseen(tensor, "script", inputs)

    def begin(self, given: Sequence[Tensor]) -> None:
        """Note what the model was called with."""
        self._given(self._calls[0], given)

    def end(self, returned: Sequence[Tensor]) -> None:
        """Note what the model returned."""
        self._returned(self._calls[0], returned)

    def _enter(self, path: str, args: object, named: object) -> None:
        if threading.get_ident() != self._thread:  # which trains the model meanwhile
            return
        error = sys.exc_info()[1]
        caller = self._frames[-1]
        if not path and not self._entered:  # the model itself, which has begun
            self._entered = True
            self._frames.append(Frame(0, "", ("",), (0,), error, caller.counts))
            return
        number = caller.counts.get(path, 0)
        caller.counts[path] = number + 1
        index = len(self._calls)
        call = Call(path, number, caller.index, first=len(self._tracing.graph.nodes))
        self._calls.append(call)
        self._frames.append(
            Frame(index, path, (*caller.stack, path), (*caller.numbers, number), error)
        )
        with torch._C.DisableTorchFunction():  # noqa: SLF001
            self._given(call, tensors((args, named)))

    def _leave(self, result: object) -> None:
        if threading.get_ident() != self._thread:
            return
        frame = self._frames.pop()
        error = sys.exc_info()[1]
        if error is not None and error is not frame.error:
            self._raised.setdefault(id(error), (error, frame.module))
        if frame.index:
            with torch._C.DisableTorchFunction():  # noqa: SLF001
                self._returned(self._calls[frame.index], tensors(result))

    def _given(self, call: Call, given: Sequence[Tensor]) -> None:
        call.inputs = self._tracing.find(given)
        call.input_shapes = tuple(map(shape, given))

    def _returned(self, call: Call, returned: Sequence[Tensor]) -> None:
        call.outputs = self._tracing.find(returned)
        call.output_shapes = tuple(map(shape, returned))
        call.last = len(self._tracing.graph.nodes)

    def raised_in(self, error: BaseException) -> str:
        """Return the innermost module that an error came out of."""
        return self._raised.get(id(error), (error, ""))[1]

    def finished(self, nodes: Sequence[Node], *, timed: bool) -> list[Call]:
        """Return the calls, with the time of the operations in each where that was measured."""
        if timed:
            for call in self._calls:
                call.seconds = 0.0
            for node in nodes:
                owner: int | None = node.owner
                while node.seconds is not None and owner is not None:
                    call = self._calls[owner]
                    call.seconds = (call.seconds or 0.0) + node.seconds
                    owner = call.parent
        return self._calls

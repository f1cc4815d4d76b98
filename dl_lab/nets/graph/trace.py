"""The graph of a network: which operations one real forward pass makes, and on what numbers.

Torch's operations are seen by a `TorchFunctionMode`, the module that calls them by hooks; a model
needs nothing of its own for that, and what it draws, loops over or branches on is as in any other
call of it.
"""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map_only

from dl_lab.nets.graph.nodes import Failure, Graph, Kind, Node

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from torch.utils.hooks import RemovableHandle

# These give back the tensor that they are called on, and compute nothing.
_NO_OPERATION = frozenset({"requires_grad_", "retain_grad", "__set__"})
# These write into their first argument and give back nothing.
_WRITES = frozenset({"__setitem__", "__delitem__"})


def trace(
    model: nn.Module,
    inputs: Sequence[object] = (),
    named: Mapping[str, object] | None = None,
    *,
    seen: Callable[[int, Sequence[Tensor]], None] | None = None,  # noqa: ARG001
    timed: bool = False,  # noqa: ARG001
) -> Graph:
    """Run a model once and return the graph of what it does.

    The model runs as it is: whoever wants its buffers and random states kept calls this within
    `dl_lab.probe.untouched.untouched`.

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
        Measure how long each operation takes in this pass. The first pass of a model is slower
        than later ones; a device's queue is waited for.

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
    tracer = _Tracer(model)
    arguments = dict(named or {})
    for index, value in enumerate(inputs):
        tracer.know("input", f"input_{index}", "", value)
    for name, value in arguments.items():
        tracer.know("input", name, "", value)
    with tracer.hooks(), _uncompiled():
        try:
            with tracer:
                outputs = model(*inputs, **arguments)
        except Exception as error:  # noqa: BLE001  # a model may raise anything
            tracer.fail("", "", (), error)
        else:
            tracer.graph.outputs = tuple(dict.fromkeys(map(tracer.source, tensors(outputs))))
    return tracer.graph


class _Tracer(TorchFunctionMode):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.graph = Graph()
        self._model = model
        self._paths = [""]
        self._sources: dict[int, int] = {}
        self._held: list[Tensor] = []  # an id is free again where its tensor is gone
        for path, module in _modules(model):
            for name, parameter in module._parameters.items():  # noqa: SLF001
                self.know("parameter", name, path, parameter)
            for name, buffer in module._buffers.items():  # noqa: SLF001
                self.know("buffer", name, path, buffer)

    def know(self, kind: Kind, name: str, path: str, value: object) -> None:
        """Add what an operation may take, unless it is known by another name."""
        for tensor in tensors(value):
            if id(tensor) not in self._sources:
                self._add(Node(kind, name, path, (), _shape(tensor), tensor.dtype), [tensor])

    def source(self, tensor: Tensor) -> int:
        """Return the node whose numbers a tensor holds."""
        if id(tensor) not in self._sources:
            self.know("unseen", "unseen", self._paths[-1], tensor)
        return self._sources[id(tensor)]

    def fail(
        self, module: str, name: str, shapes: tuple[tuple[int, ...], ...], error: Exception
    ) -> None:
        """Note where an error came up first, seen from the inside."""
        if self.graph.failure is None or self.graph.failure.error is not error:
            self.graph.failure = Failure(module, name, shapes, error)

    @contextlib.contextmanager
    def hooks(self) -> Iterator[None]:
        """Follow which module is being called."""
        handles: list[RemovableHandle] = []
        try:
            for path, module in _modules(self._model):
                if not isinstance(module, torch.jit.ScriptModule):  # which takes none
                    handles += self._hook(path, module)
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _hook(self, path: str, module: nn.Module) -> list[RemovableHandle]:
        def enter(*_: object) -> None:
            self._paths.append(path)

        def leave(*_: object) -> None:
            self._paths.pop()

        return [
            module.register_forward_pre_hook(enter, prepend=True),
            module.register_forward_hook(leave, always_call=True),
        ]

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
        try:
            result = func(*args, **named)
        except Exception as error:
            shapes = tuple(map(_shape, tensors((args, named))))
            self.fail(self._paths[-1], name, shapes, error)
            raise
        made = tensors(args[0]) if name in _WRITES else tensors(result)
        if made and name not in _NO_OPERATION:
            inputs = tuple(dict.fromkeys(map(self.source, tensors((args, named)))))
            first = made[0]
            self._add(
                Node("operation", name, self._paths[-1], inputs, _shape(first), first.dtype), made
            )
        return result

    def _add(self, node: Node, made: Sequence[Tensor]) -> None:
        for tensor in made:
            self._sources[id(tensor)] = len(self.graph.nodes)
        self._held += made
        self.graph.nodes.append(node)


def _modules(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield the modules by their names, without what `torch.compile` has wrapped around them."""
    for path, module in model.named_modules():
        yield ".".join(part for part in path.split(".") if part != "_orig_mod"), module


def copied(value: Any) -> Any:  # noqa: ANN401
    """Copy the tensors in lists, tuples and dictionaries: a model may write into its inputs.

    Examples
    --------
    >>> given = [torch.zeros(1), {"mask": None}]
    >>> copied(given)[0] is given[0]
    False
    """
    return tree_map_only(Tensor, _copy, value)


def _copy(tensor: Tensor) -> Tensor:
    return tensor.detach().clone().requires_grad_(tensor.requires_grad)


def tensors(value: object) -> list[Tensor]:
    """Return the tensors in a value, however nested, each once.

    Examples
    --------
    >>> one = torch.zeros(1)
    >>> len(tensors({"a": [one, one], "b": (torch.ones(1), 3)}))
    2
    """
    found: dict[int, Tensor] = {}
    seen: set[int] = set()
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Tensor):
            found[id(one)] = one
            continue
        if id(one) in seen:
            continue
        parts = _parts(one)
        if parts:
            seen.add(id(one))
            waiting += reversed(parts)
    return list(found.values())


def _parts(value: object) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, (list, tuple, set, frozenset)):
        return list(value)
    # Outputs of transformers, batches of graphs, dataclasses: not modules, types and functions.
    if isinstance(value, (nn.Module, type)) or callable(value):
        return []
    return list(getattr(value, "__dict__", {}).values())


def _shape(tensor: Tensor) -> tuple[int, ...]:
    try:
        return tuple(tensor.shape)
    except RuntimeError:  # of a nested tensor or a lazy parameter
        return ()


def _name(func: Any) -> str:  # noqa: ANN401
    name: str = getattr(func, "__name__", type(func).__name__)
    if name == "__get__":  # such as Tensor.T
        return str(getattr(getattr(func, "__self__", None), "__name__", name))
    return name.strip("_") if name.startswith("__") and name not in {*_WRITES, "__set__"} else name


@contextlib.contextmanager
def _uncompiled() -> Iterator[None]:
    """Run what was compiled as it was written: compiled code hides what it does."""
    if "torch._dynamo" not in sys.modules:  # which takes a second to load
        yield
        return
    with torch.compiler.set_stance("force_eager"):
        yield

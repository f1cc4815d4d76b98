"""A traced pass that can be executed again, operation by operation, without the model's code."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch._C import _functorch
from torch.utils._device import _device_constructors

from dl_lab.nets.graph.nodes import Graph
from dl_lab.nets.graph.trace import Tracer, with_shapes
from dl_lab.nets.graph.values import physical, replaced, tensors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

# They return no tensors, and change some.
_EFFECTS = frozenset({"requires_grad_", "retain_grad", "__set__"})


@dataclass(frozen=True)
class _Slot:
    """Which of a recording's tensors, and along which dimensions `torch.vmap` maps over it."""

    number: int
    dimensions: tuple[int | None, ...] = ()


@dataclass(frozen=True)
class _Conditions:
    """What torch's functions depend on beside their arguments."""

    gradients: bool
    autocast: tuple[tuple[str, torch.dtype], ...]

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        with contextlib.ExitStack() as undo:
            undo.enter_context(torch.set_grad_enabled(self.gradients))
            for device, dtype in self.autocast:
                undo.enter_context(torch.autocast(device, dtype))
            yield


@dataclass(frozen=True)
class _Step:
    """One call of one of torch's functions, with slots in place of tensors."""

    node: int | None
    function: Callable[..., Any]
    args: Any
    named: Any
    made: tuple[_Slot, ...]
    conditions: _Conditions
    levels: int
    """How many of `torch.vmap` it ran in."""


@dataclass
class Recording:
    """A graph with what is needed to execute it.

    Everything it was given is kept as it was before the pass: inputs, parameters, buffers, the
    state of torch's random generator of the CPU.
    """

    graph: Graph = field(default_factory=Graph)
    taken: tuple[int, ...] = ()
    """Nodes whose numbers are taken as they were: no function of torch's made them, or it was
    `torch.autograd.grad` within `torch.vmap`."""
    steps: list[_Step] = field(default_factory=list, repr=False)
    leaves: dict[int, tuple[Tensor, bool]] = field(default_factory=dict, repr=False)
    outputs: tuple[int, ...] = ()
    random: Tensor | None = field(default=None, repr=False)

    def replay(
        self,
        seen: Callable[[int, Sequence[Tensor]], None] | None = None,
        *,
        needed: bool = False,
    ) -> list[Tensor]:
        """Execute the operations in their order and return the tensors that the model returned.

        Parameters
        ----------
        seen
            Called as each operation is done, with its node's index and its results.
        needed
            Leave out what no output depends on by the graph's edges.

        Returns
        -------
        list of Tensor
            As `dl_lab.nets.graph.values.tensors` finds them in what the model returned.

        Examples
        --------
        >>> model, x = nn.Sequential(nn.Linear(2, 3), nn.ReLU()), torch.ones(1, 2)
        >>> [again] = record(model, [x]).replay()
        >>> torch.equal(again, model(x))
        True
        """
        values = {
            slot: tensor.clone().requires_grad_(gradient)
            for slot, (tensor, gradient) in self.leaves.items()
        }
        with torch.random.fork_rng([]):
            if self.random is not None:
                torch.set_rng_state(self.random)
            for step in self.steps:
                if needed and not self._is_needed(step, values):
                    continue
                with step.conditions.hold():
                    made = _execute(step, values)
                if step.node is not None and seen is not None:
                    seen(step.node, made)
        return [values[slot] for slot in self.outputs]

    def _is_needed(self, step: _Step, values: Mapping[int, Tensor]) -> bool:
        if step.node is not None:
            return step.node in self.graph.needed
        slots: list[_Slot] = []
        replaced((step.args, step.named), _Slot, slots.append)
        return all(slot.number in values for slot in slots)


def record(
    model: nn.Module, inputs: Sequence[object] = (), named: Mapping[str, object] | None = None
) -> Recording:
    """Run a model once, as `dl_lab.nets.graph.trace.trace` does, and keep what a replay needs.

    What the model drew from torch's random generator of the CPU is drawn again in a replay; what
    it took from Python or numpy is as it was.
    """
    arguments = dict(named or {})
    model, lazy = with_shapes(model, inputs, arguments)
    recorder = _Recorder(model, lazy=lazy)
    recorder.recording.random = torch.get_rng_state()
    recorder.run(inputs, arguments)
    return recorder.recording


class _Recorder(Tracer):
    def __init__(self, model: nn.Module, *, lazy: frozenset[str]) -> None:
        super().__init__(model, lazy=lazy)
        self.recording = Recording(self.graph)
        self._slots: dict[int, int] = {}
        self._taken: list[int] = []

    def run(self, inputs: Sequence[object], named: Mapping[str, object]) -> Graph:
        graph = super().run(inputs, named)
        unseen = [index for index, node in enumerate(graph.nodes) if node.kind == "unseen"]
        self.recording.taken = tuple(sorted([*unseen, *self._taken]))
        return graph

    def returned(self, outputs: Sequence[Tensor]) -> None:
        self.recording.outputs = tuple(self._slot(one).number for one in outputs)

    def leaf(self, tensor: Tensor) -> None:
        slot = self._slot(tensor)
        beneath = physical(tensor)
        # Within a transform of torch.func no copy can be told that it asks for gradients.
        copied = physical(beneath.detach().clone())
        self.recording.leaves[slot.number] = (copied, beneath.requires_grad)

    def twin(self, tensor: Tensor, known: Tensor) -> None:
        beneath = physical(tensor)
        if beneath is known or id(beneath) in self._slots:
            return
        layout = (tuple(beneath.shape), beneath.stride())
        away = beneath.storage_offset() - known.storage_offset()
        arguments = (self._slot(known), *layout, away)
        self._step(None, _as_laid_out, arguments, {}, (self._slot(beneath),), 0)

    def step(
        self,
        func: Any,  # noqa: ANN401
        args: tuple[Any, ...],
        named: Mapping[str, Any],
        made: Sequence[Tensor],
        index: int | None,
    ) -> None:
        name = getattr(func, "__name__", "")
        if index is None and name not in _EFFECTS:
            return
        # What computes nothing is done to the tensor beneath.
        given = tensors((args, named, made)) if made else []
        levels = sorted({level for one in given for level in _batched(one)})
        if levels and name == "grad" and index is not None:  # its inputs are those of each sample
            self._taken.append(index)
            for one in made:
                self.leaf(one)
            return

        def slot(tensor: Tensor) -> _Slot:
            return self._slot(tensor, levels)

        also = replaced(dict(named), Tensor, slot)
        if made and func in _device_constructors():  # a device may be set for all around
            also.setdefault("device", made[0].device)
        self._step(
            index,
            func,
            replaced(list(args), Tensor, slot),
            also,
            tuple(map(slot, made)),
            len(levels),
        )

    def _step(
        self,
        node: int | None,
        function: Callable[..., Any],
        args: Any,  # noqa: ANN401
        named: Any,  # noqa: ANN401
        made: tuple[_Slot, ...],
        levels: int,
    ) -> None:
        step = _Step(node, function, args, named, made, _conditions(), levels)
        self.recording.steps.append(step)

    def _slot(self, tensor: Tensor, levels: Sequence[int] = ()) -> _Slot:
        along = _batched(tensor)
        number = self._slots.setdefault(id(physical(tensor)), len(self._slots))
        return _Slot(number, tuple(along.get(level) for level in levels))


def _batched(tensor: Tensor) -> dict[int, int]:
    """Return along which dimension each `torch.vmap` around maps over a tensor, by its level."""
    found: dict[int, int] = {}
    while _functorch.is_functorch_wrapped_tensor(tensor):
        if _functorch.is_batchedtensor(tensor):
            found[_functorch.maybe_get_level(tensor)] = _functorch.maybe_get_bdim(tensor)
        tensor = _functorch.get_unwrapped(tensor)
    return found


def _conditions() -> _Conditions:
    devices = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    return _Conditions(
        torch.is_grad_enabled(),
        tuple(
            (device, torch.get_autocast_dtype(device))
            for device in devices
            if torch.is_autocast_enabled(device)
        ),
    )


def _as_laid_out(tensor: Tensor, size: Sequence[int], stride: Sequence[int], away: int) -> Tensor:
    return tensor.as_strided(size, stride, tensor.storage_offset() + away)


def _execute(step: _Step, values: dict[int, Tensor]) -> list[Tensor]:
    """Call a step's function, put what it returns into its slots, and return that."""
    slots: list[_Slot] = []
    replaced((step.args, step.named), _Slot, slots.append)

    def call(*given: Tensor) -> tuple[Tensor, ...]:
        found = iter(given)
        args, named = replaced((step.args, step.named), _Slot, lambda _: next(found))
        # What returns nothing has written into its first argument.
        return tuple(tensors(step.function(*args, **named)) or given[: len(step.made)])

    for level in reversed(range(step.levels)):
        into: Any = tuple(slot.dimensions[level] for slot in slots)
        out: Any = tuple(slot.dimensions[level] for slot in step.made)
        call = torch.vmap(call, into, out, randomness="different")
    results = call(*(values[slot.number] for slot in slots))
    values.update(zip((slot.number for slot in step.made), results, strict=False))
    return list(results)

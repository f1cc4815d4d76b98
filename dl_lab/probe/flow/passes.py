"""One real forward and backward pass, with each node's numbers and gradients looked at."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import torch

from dl_lab.nets.graph.trace import copied, trace
from dl_lab.probe.capture import own_gradients
from dl_lab.probe.flow.samples import Sample, sample
from dl_lab.probe.looks.turns import go_on, interruptible, one_look
from dl_lab.probe.modules import original
from dl_lab.probe.untouched import Mode, untouched

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from torch import Tensor, nn

    from dl_lab.nets.graph.nodes import Graph


class Rows(Protocol):
    """What goes through the network: some rows of a batch, with the loss that they are learnt by.

    All of it leaves everything as it was.
    """

    @property
    def count(self) -> int:
        """How many rows there are."""

    def arguments(self, start: int, stop: int) -> tuple[Sequence[Any], Mapping[str, Any]]:
        """Return what the model is called with for some of the rows."""

    def loss(self, outputs: object, start: int, stop: int) -> Tensor | None:
        """Return these rows' share of the loss; None where there is none."""

    def context(self) -> AbstractContextManager[object]:
        """Return what model and loss are called within, such as mixed precision."""


class Given:
    """Inputs alone, all of them in one pass, without a loss.

    Parameters
    ----------
    arguments, named
        Of the model's ``forward``.

    Examples
    --------
    >>> Given([torch.ones(4, 2)]).count
    1
    """

    count = 1

    def __init__(self, arguments: Sequence[Any], named: Mapping[str, Any] | None = None) -> None:
        self._given = tuple(arguments), dict(named or {})

    def arguments(self, start: int, stop: int) -> tuple[Sequence[Any], Mapping[str, Any]]:  # noqa: ARG002
        """Return all of it."""
        return self._given

    def loss(self, outputs: object, start: int, stop: int) -> Tensor | None:  # noqa: ARG002
        """Return None."""
        return None

    def context(self) -> AbstractContextManager[object]:
        """Return what does nothing."""
        return contextlib.nullcontext()


@dataclass
class Heard:
    """What a pass showed, by the indices of its own graph's nodes.

    Attributes
    ----------
    graph
        Of this pass.
    values
        Of each node's first tensor of numbers.
    gradients
        Of the loss by it, in the order in which they were known: the last nodes' first, those of
        the parameters at the end.
    loss
        Of these rows; None where there is none.
    rows, of
        How many rows there were, of how many of the batch.
    """

    graph: Graph
    values: dict[int, Sample] = field(default_factory=dict)
    gradients: dict[int, Sample] = field(default_factory=dict)
    loss: Tensor | None = None
    rows: int = 1
    of: int = 1


def hear(
    model: nn.Module,
    rows: Rows,
    start: int,
    stop: int,
    *,
    units: Sequence[int | None] = (),
    mode: Mode | None = "train",
) -> Heard:
    """Run some rows through a model forward and backward, and look at every node.

    Weights, gradients, buffers, flags, hooks, what else the model holds and the random states are
    afterwards as before.

    Parameters
    ----------
    model
        Of what `torch.compile` made the original runs.
    rows
        What goes through.
    start, stop
        Which of the rows.
    units
        Along which dimension the units of each node lie, as `units` tells of a graph of such a
        pass; what is beyond its end has none.
    mode
        As for `untouched`.

    Raises
    ------
    CalledOff
        The look was called off; everything is as before.

    Examples
    --------
    >>> from torch import nn
    >>> model = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    >>> heard = hear(model, Given([torch.ones(1, 2)]), 0, 1)
    >>> [heard.graph.nodes[index].name for index in heard.values]
    ['input_0', 'weight', 'bias', 'linear', 'relu']
    """
    inner = original(model)
    heard = _Hearing(units)
    with (
        one_look(inner),
        untouched(inner, mode),
        own_gradients(inner),
        torch.enable_grad(),
        _kept_hook(inner, heard),
        rows.context(),
    ):
        go_on()
        given, named = rows.arguments(start, stop)
        graph = trace(inner, copied(list(given)), copied(dict(named)), seen=heard.seen)
        found = Heard(graph, heard.values, heard.gradients, rows=stop - start, of=rows.count)
        if graph.failure is None:
            loss = rows.loss(heard.outputs, start, stop)
            if loss is not None:
                found.loss = loss.detach()
                heard.differentiate(loss)
    return found


class _Hearing:
    def __init__(self, units: Sequence[int | None]) -> None:
        self._units = units
        self._leaves: dict[int, Tensor] = {}
        self.values: dict[int, Sample] = {}
        self.gradients: dict[int, Sample] = {}
        self.outputs: Any = None

    def seen(self, index: int, made: Sequence[Tensor]) -> None:
        go_on()
        first = next((one for one in made if one.is_floating_point() or one.is_complex()), None)
        if first is None:
            return
        unit = self._units[index] if index < len(self._units) else None
        found = _sampled(first, unit)
        if found is None:
            return
        self.values[index] = found
        if not first.requires_grad:
            return
        if first.is_leaf:
            # Hooks of their own would stay with the learner's parameters.
            self._leaves[index] = first
        else:
            first.register_hook(  # type: ignore[no-untyped-call]  # torch has no types here
                lambda gradient: self._flowed(index, unit, gradient)
            )

    def _flowed(self, index: int, unit: int | None, gradient: Tensor) -> None:
        go_on()
        found = _sampled(gradient, unit)
        if found is not None:
            self.gradients[index] = found

    def differentiate(self, loss: Tensor) -> None:
        leaves = list(self._leaves.items())
        if not loss.requires_grad or not leaves:
            return
        with interruptible():
            found = torch.autograd.grad(loss, [one for _, one in leaves], allow_unused=True)
        for (index, _), gradient in zip(leaves, found, strict=True):
            if gradient is not None:
                self._flowed(index, None, gradient)


def _sampled(tensor: Tensor, unit: int | None) -> Sample | None:
    # Random numbers are drawn by no look at numbers: what watches over them can be passed by.
    plain = type(tensor) in {torch.Tensor, torch.nn.Parameter}
    by = torch._C._DisableTorchDispatch() if plain else contextlib.nullcontext()  # noqa: SLF001
    with torch.no_grad(), by:
        return sample(tensor, unit)


@contextlib.contextmanager
def _kept_hook(model: nn.Module, heard: _Hearing) -> Iterator[None]:
    """Have what the model returns noted."""

    def note(_: nn.Module, __: object, outputs: object) -> None:
        heard.outputs = outputs

    handle = model.register_forward_hook(note)
    try:
        yield
    finally:
        handle.remove()

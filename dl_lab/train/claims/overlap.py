"""Whether training one model disturbs the training of another."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor, nn
    from torch.optim import Optimizer

Span: TypeAlias = tuple[str, int, int]
"""A device, or what else addresses count in, and the first and the last place + 1."""


@dataclass
class Footprint:
    """What a training reads and what it writes, by where that lies in memory.

    The same module in another (`nn.Sequential`, `nn.DataParallel`, a compiled one), tied weights
    and views all lie in the same place. What is frozen is only read, so that two heads may be
    trained at once on one frozen body; but not on one whose layers depend on the mode, as dropout
    does, since each training sets that.
    """

    reads: list[Span] = field(default_factory=list)
    writes: list[Span] = field(default_factory=list)

    def disturbs(self, other: Footprint) -> bool:
        """Whether either writes what the other reads or writes."""
        return _meet(self.writes, other.writes + other.reads) or _meet(self.reads, other.writes)


def footprint(model: nn.Module | None, optimizer: Optimizer | None) -> Footprint:
    """Return what the training of `model` by `optimizer` reads and writes.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> one = nn.Linear(2, 1)
    >>> sgd = torch.optim.SGD(one.parameters(), lr=0.1)
    >>> wrapped, tied, other = nn.Sequential(one), nn.Linear(2, 1), nn.Linear(2, 1)
    >>> tied.weight = nn.Parameter(one.weight.data)
    >>> first = footprint(one, sgd)
    >>> [first.disturbs(footprint(model, None)) for model in (wrapped, tied, other)]
    [True, True, False]
    """
    found = Footprint()
    if model is not None:
        for parameter in model.parameters():
            (found.writes if parameter.requires_grad else found.reads).extend(_spans(parameter))
        for buffer in model.buffers():
            found.writes.extend(_spans(buffer))
        for module in model.modules():
            if _heeds_mode(module):
                found.writes.append(_identity(module))
    if optimizer is not None:
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                found.writes.extend(_spans(parameter))
    return found


def _spans(tensor: Tensor) -> Iterable[Span]:
    # By what it is as well: a fast path may move its numbers at any time.
    yield _identity(tensor)
    try:
        start = tensor.data_ptr()
        steps = zip(tensor.shape, tensor.stride(), strict=True)
        reach = sum((size - 1) * stride for size, stride in steps) + 1
    except (RuntimeError, ValueError, TypeError, NotImplementedError):
        # A sparse tensor or one without a size yet has no such place.
        return
    if start and tensor.numel():
        yield str(tensor.device), start, start + reach * tensor.element_size()


def _identity(thing: object) -> Span:
    return "objects", id(thing), id(thing) + 1


def _heeds_mode(module: nn.Module) -> bool:
    """Whether it computes otherwise in training than in evaluation, as far as its code shows."""
    # The class of a ScriptModule has none that could be read.
    forward = getattr(type(module), "forward", None)
    code = None if forward is None else getattr(inspect.unwrap(forward), "__code__", None)
    return code is None or "training" in code.co_names


def _meet(some: Iterable[Span], others: Iterable[Span]) -> bool:
    places = sorted([(*span, 0) for span in some] + [(*span, 1) for span in others])
    ends: dict[tuple[str, int], int] = {}
    for space, start, end, side in places:
        if ends.get((space, 1 - side), start) > start:
            return True
        ends[space, side] = max(end, ends.get((space, side), end))
    return False

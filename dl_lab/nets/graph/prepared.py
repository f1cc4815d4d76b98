"""A model made ready to be traced: lazy parameters with their shapes, compiled code as written."""

from __future__ import annotations

import contextlib
import copy
import sys
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from dl_lab.nets.graph.modules import named_modules
from dl_lab.nets.graph.values import copied

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_COMPILER = "torch._dynamo"


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
        with contextlib.suppress(Exception), torch.random.fork_rng([]), uncompiled():
            model(*copied(list(inputs)), **copied(dict(named)))
    return model, lazy


def compiler_is_loaded() -> bool:
    """Whether anything has been compiled in this process, or could be at once."""
    return _COMPILER in sys.modules


def is_compilers(error: Exception) -> bool:
    """Whether an error is the compiler's own."""
    return type(error).__module__.startswith(_COMPILER)


@contextlib.contextmanager
def uncompiled() -> Iterator[None]:
    """Run what was compiled as it was written: compiled code hides what it does."""
    if not compiler_is_loaded():  # which takes a second to load
        yield
        return
    with torch.compiler.set_stance("force_eager"):
        yield

"""Tensors held as they are, and copied only before someone may write into their memory."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import torch
from torch._functorch.pyfunctorch import temporarily_clear_interpreter_stack
from torch.nn.parameter import is_lazy

from dl_lab.probe.modules import is_torchs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from torch import Tensor, nn

# As torch.func itself asks.
_FUNC = torch._C._functorch  # noqa: SLF001

_NOT_IN_PLACE = frozenset({"__index__", "__int__", "__invert__", "__init__", "__init_subclass__"})
# They write, or hand out memory that anything may write into.
_WRITING = frozenset(
    {
        *("__setitem__", "__set__"),
        *("numpy", "__array__", "__dlpack__", "data_ptr", "storage", "untyped_storage"),
    }
)


class Held:
    """What tensors say at a moment, at the cost of a copy only where it is needed.

    Examples
    --------
    >>> held, answers = Held(), torch.tensor([-1.0, 2.0])
    >>> before = held.hold(answers)
    >>> held.copy([answers])
    >>> answers.relu_(), before
    (tensor([0., 2.]), tensor([-1.,  2.]))
    """

    def __init__(self) -> None:
        self._by_memory: defaultdict[int, list[Tensor]] = defaultdict(list)
        self._others: set[int] = set()

    def leave_alone(self, tensors: Iterable[Tensor]) -> None:
        """Take note of tensors that change later on: what lies in their memory is copied."""
        self._others.update(map(_memory, tensors))

    def hold(self, tensor: Tensor) -> Tensor:
        """Return a tensor of the same values that stays as it is, if each write is announced."""
        with _untransformed():
            values = plain(tensor)
            place = _memory(values)
            if place == 0 or place in self._others:
                return values.detach().clone()
            alias = values.detach()
        self._by_memory[place].append(alias)
        return alias

    def copy(self, tensors: Iterable[Tensor]) -> None:
        """Give what is held a memory of its own, before these tensors are written into."""
        with _untransformed():
            for tensor in tensors:
                for alias in self._by_memory.pop(_memory(plain(tensor)), ()):
                    alias.data = alias.clone()


def _untransformed() -> AbstractContextManager[object]:
    """Leave the transforms of `torch.func` that are under way: what is held is none of theirs."""
    if _FUNC.peek_interpreter_stack() is None:
        return contextlib.nullcontext()
    return temporarily_clear_interpreter_stack()


def module_writes(module: nn.Module) -> bool:
    """Tell whether a layer may write into its input: those of torch say so, of others who knows."""
    return not is_torchs(module) or vars(module).get("inplace", False)


def function_writes(
    function: Callable[..., object], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> bool:
    """Tell whether a call of a function of torch may write into its arguments.

    Examples
    --------
    >>> x = torch.ones(2)
    >>> function_writes(torch.relu, (x,), {}), function_writes(torch.relu_, (x,), {})
    (False, True)
    """
    name = getattr(function, "__name__", "")
    if name.startswith("__"):
        written = name in _WRITING or (name.startswith("__i") and name not in _NOT_IN_PLACE)
    else:
        written = name.endswith("_") or name in _WRITING
    # F.relu(x, True) is in place; a copy for other yes-or-no arguments is not a loss.
    flags = (*args, *kwargs.values())
    return written or "out" in kwargs or any(one is True for one in flags)


def plain(tensor: Tensor) -> Tensor:
    """Return the values of a tensor in a transform of `torch.func`, those of all rows at once.

    Examples
    --------
    >>> seen = []
    >>> _ = torch.vmap(lambda row: seen.append(plain(row)) or row)(torch.zeros(3, 2))
    >>> seen[0].shape
    torch.Size([3, 2])
    """
    if not is_wrapped(tensor):
        return tensor
    with _untransformed():
        at, inner = _FUNC.maybe_get_bdim(tensor), plain(_FUNC.get_unwrapped(tensor))
        return inner.movedim(at, 0) if at > 0 else inner


def is_wrapped(tensor: Tensor) -> bool:
    """Tell whether a tensor stands for several at once, as within `torch.func.vmap`.

    Examples
    --------
    >>> is_wrapped(torch.ones(2))
    False
    """
    return bool(_FUNC.is_functorch_wrapped_tensor(tensor))


def is_same_memory(one: Tensor, other: Tensor) -> bool:
    """Tell whether two tensors are the same values in the same memory.

    Examples
    --------
    >>> x = torch.ones(2, 3)
    >>> is_same_memory(x, x.detach()), is_same_memory(x, x.clone()), is_same_memory(x, x.T)
    (True, False, False)
    """
    if is_wrapped(one) or is_wrapped(other) or one.is_nested or other.is_nested:
        return False
    alike = one.shape == other.shape and one.dtype == other.dtype and one.numel() > 0
    if not alike or one.layout is not torch.strided or other.layout is not torch.strided:
        return False
    return one.data_ptr() == other.data_ptr() and one.stride() == other.stride()


def _memory(tensor: Tensor) -> int:
    """Where the memory of the values begins; 0 where that is nowhere yet, or in several places."""
    if tensor.layout is not torch.strided or tensor.is_nested or is_lazy(tensor):
        return 0
    # As untyped_storage().data_ptr(), in a third of the time.
    return tensor.data_ptr() - int(tensor.storage_offset()) * tensor.itemsize

"""Tensors in what models take and return, however nested, and which memory they live in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor, nn
from torch._C import _functorch  # without types of its own
from torch.utils._pytree import tree_map_only

if TYPE_CHECKING:
    from collections.abc import Callable

Given = TypeVar("Given")

_TENSORS = frozenset({Tensor, nn.Parameter})
# Most of what operations are given beside tensors: looked into, it would take the most time.
_PLAIN = frozenset(
    {int, float, bool, complex, str, bytes, type(None), torch.dtype, torch.device, torch.Size}
)


def copied(value: Any) -> Any:  # noqa: ANN401
    """Copy the tensors in lists, tuples and dictionaries: a model may write into its inputs.

    Examples
    --------
    >>> given = [torch.zeros(1), {"mask": None}]
    >>> copied(given)[0] is given[0]
    False
    """
    return tree_map_only(Tensor, copy, value)


def copy(tensor: Tensor) -> Tensor:
    """Copy a tensor; gradients end at the copy, which asks for some if the tensor did."""
    return tensor.detach().clone().requires_grad_(tensor.requires_grad)


def tensors(value: object) -> list[Tensor]:
    """Return the tensors in a value, however nested, each once.

    Examples
    --------
    >>> one = torch.zeros(1)
    >>> len(tensors({"a": [one, one], "b": (torch.ones(1), 3)}))
    2
    """
    if isinstance(value, Tensor):
        return [value]
    if type(value) in _PLAIN:
        return []
    found: dict[int, Tensor] = {}
    seen: set[int] = set()
    waiting: list[Any] = [value]
    while waiting:
        one = waiting.pop()
        kind = type(one)
        if kind in _TENSORS or isinstance(one, Tensor):
            found[id(one)] = one
        elif kind is tuple:  # which holds itself only through something else
            waiting += one[::-1]
        elif kind not in _PLAIN and (kind is not dict or one) and id(one) not in seen:
            seen.add(id(one))
            waiting += reversed(_parts(one))
    return list(found.values())


def _parts(value: object) -> list[Any]:
    if isinstance(value, (list, tuple, set, frozenset)):
        return list(value)
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, slice):
        return [value.start, value.stop, value.step]
    # Outputs of transformers, batches of graphs, dataclasses: not modules, types and functions.
    if isinstance(value, (nn.Module, type)) or callable(value):
        return []
    return list(getattr(value, "__dict__", {}).values())


def replaced(
    value: Any,  # noqa: ANN401
    kind: type[Given],
    change: Callable[[Given], object],
) -> Any:  # noqa: ANN401
    """Return a value with what is of one kind changed, in new lists, tuples, dictionaries, slices.

    Examples
    --------
    >>> given = [torch.ones(2), {"dim": slice(1, None)}]
    >>> replaced(given, Tensor, lambda tensor: tuple(tensor.shape))
    [(2,), {'dim': slice(1, None, None)}]
    """
    if isinstance(value, kind):
        return change(value)
    if isinstance(value, slice):
        return slice(*replaced((value.start, value.stop, value.step), kind, change))
    if type(value) in {list, tuple}:
        return type(value)([replaced(one, kind, change) for one in value])
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(replaced(one, kind, change) for one in value))
    if isinstance(value, dict):
        return {name: replaced(one, kind, change) for name, one in value.items()}
    return value


def shape(tensor: Tensor) -> tuple[int, ...]:
    """Return a tensor's shape; () for one that has none, such as a lazy parameter."""
    try:
        return tuple(tensor.shape)
    except RuntimeError:  # of a nested tensor or a lazy parameter
        return ()


def size(tensor: Tensor) -> int:
    """Return how many bytes a tensor's numbers take.

    Examples
    --------
    >>> size(torch.zeros(2, 3, dtype=torch.float16))
    12
    """
    try:
        return tensor.numel() * tensor.element_size()
    except (RuntimeError, ValueError):  # of a lazy parameter
        return 0


def memory(tensor: Tensor) -> int | None:
    """Return a number for the memory that a tensor shares with its views, on any device."""
    try:
        return int(tensor.untyped_storage()._cdata)  # noqa: SLF001
    except (RuntimeError, NotImplementedError):  # of a sparse or a wrapped tensor
        return None


def physical(tensor: Tensor) -> Tensor:
    """Return the tensor beneath what `torch.func`'s transforms have wrapped around it."""
    while _functorch.is_functorch_wrapped_tensor(tensor):
        tensor = _functorch.get_unwrapped(tensor)
    return tensor

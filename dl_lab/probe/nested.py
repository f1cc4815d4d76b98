"""What a model is given and returns: tensors, nested in any way."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

_MOST_NAMED = 4


def tensors_in(value: object) -> list[Tensor]:
    """Find all tensors in nested lists, tuples, mappings and records, in their order.

    Examples
    --------
    >>> [one.item() for one in tensors_in({"a": torch.tensor(1), "b": [torch.tensor(2), 3]})]
    [1, 2]
    """
    found: list[Tensor] = []
    _collect(value, found)
    return found


def _collect(value: object, found: list[Tensor]) -> None:
    if isinstance(value, Tensor):
        found.append(value)
    elif isinstance(value, (list, tuple)):
        for one in value:
            _collect(one, found)
    elif isinstance(value, Mapping):
        for one in value.values():
            _collect(one, found)
    elif is_record(value):
        for name in _fields(value):
            _collect(getattr(value, name), found)


def mapped(  # noqa: PLR0911  # one for each kind
    value: Any,  # noqa: ANN401  # nested in any way
    change: Callable[[Any], Any],
    kinds: tuple[type, ...] = (Tensor,),
) -> Any:  # noqa: ANN401  # as nested
    """Return the same nesting with what a function makes of each tensor; all else stays.

    Examples
    --------
    >>> mapped((torch.tensor(1), {"a": [torch.tensor(2), None]}), torch.neg)
    (tensor(-1), {'a': [tensor(-2), None]})
    """
    if isinstance(value, kinds):
        return change(value)
    if isinstance(value, (list, tuple)):
        items = [mapped(one, change, kinds) for one in value]
        # Without its own checks: a packed sequence looks at what need not be final.
        made: Any = type(value)
        return made._make(items) if hasattr(value, "_fields") else made(items)
    if isinstance(value, Mapping):
        entries = {name: mapped(one, change, kinds) for name, one in value.items()}
        if type(value) is dict:
            return entries
        changed: Any = copy.copy(value)
        for name, one in entries.items():
            changed[name] = one
        return changed
    if isinstance(value, slice):
        return slice(*(mapped(one, change, kinds) for one in (value.start, value.stop, value.step)))
    if is_record(value):
        changed = copy.copy(value)
        for name in _fields(value):
            object.__setattr__(changed, name, mapped(getattr(value, name), change, kinds))
        return changed
    return value


def is_record(value: object) -> bool:
    """Tell whether something is a dataclass's instance, or another object that holds tensors.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> is_record(SimpleNamespace(x=torch.zeros(1))), is_record(SimpleNamespace(x=1))
    (True, False)
    """
    if hasattr(type(value), "__dataclass_fields__"):
        return True
    inside = getattr(value, "__dict__", {})
    return not callable(value) and any(isinstance(one, Tensor) for one in inside.values())


def _fields(value: Any) -> list[str]:  # noqa: ANN401  # of such an object
    if not dataclasses.is_dataclass(value):
        return [*vars(value)]
    return [field.name for field in dataclasses.fields(value) if hasattr(value, field.name)]


def shapes(value: object) -> str:
    """Say what people give: of each tensor its type and shape, nested as it is.

    Examples
    --------
    >>> shapes((torch.zeros(4, 2), {"mask": None}))
    '(float32 [4, 2], {mask: None})'
    """
    if isinstance(value, Tensor):
        ragged = [value.size(0), "ragged"] if value.is_nested else value.shape
        return f"{value.dtype} [{', '.join(map(str, ragged))}]".replace("torch.", "")
    if isinstance(value, Mapping):
        return "{" + _listed([f"{name}: {shapes(one)}" for name, one in value.items()]) + "}"
    if isinstance(value, (list, tuple)):
        inside = _listed([shapes(one) for one in value])
        return f"[{inside}]" if isinstance(value, list) else f"({inside})"
    if is_record(value):
        inside = _listed([f"{name}: {shapes(getattr(value, name))}" for name in _fields(value)])
        return f"{type(value).__name__}({inside})"
    if value is None or isinstance(value, (bool, int, float)):
        return str(value)
    return type(value).__name__


def _listed(items: list[str]) -> str:
    more = [f"and {len(items) - _MOST_NAMED} more"] if len(items) > _MOST_NAMED else []
    return ", ".join(items[:_MOST_NAMED] + more)

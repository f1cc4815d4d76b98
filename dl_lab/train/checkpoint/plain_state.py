"""States as tensors and plain values: what ``torch.load(weights_only=True)`` reads again."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dl_lab.errors import InputError

# The key of a dictionary that stands for a numpy array: unpickling one would need numpy's leave.
_ARRAY = "dl_lab_array"
_ATOMS = (type(None), bool, int, float, complex, str, bytes, torch.dtype, torch.device)


def to_plain(value: Any, name: str = "") -> Any:  # noqa: ANN401  # whatever a state holds
    """Return `value` with every array as a tensor and every number as Python's own.

    Parameters
    ----------
    value
        Dictionaries, lists and tuples of tensors, numpy arrays and plain values. Tensors come
        back without gradients, on the device and mostly in the memory they are in.
    name
        Where it stands, for the sentence.

    Raises
    ------
    InputError
        Something else is in it; the sentence says where.

    Examples
    --------
    >>> to_plain({"rate": np.float32(0.5), "shape": torch.Size([2])})
    {'rate': 0.5, 'shape': (2,)}
    """
    if type(value) in _ATOMS:
        return value
    if isinstance(value, Tensor):
        return alone(value)
    if isinstance(value, np.ndarray):
        return _array(value, name)
    if isinstance(value, Mapping):
        return _mapping(value, name)
    if isinstance(value, (list, tuple)):
        items = [to_plain(item, _within(name, index)) for index, item in enumerate(value)]
        return tuple(items) if isinstance(value, tuple) else items
    return _number(value, name)


def from_plain(value: Any) -> Any:  # noqa: ANN401  # whatever a state holds
    """Turn the tensors that stand for numpy arrays back into those, in new containers.

    Raises
    ------
    TypeError
        Something else stands for an array.

    Examples
    --------
    >>> from_plain(to_plain([np.zeros(2), 1]))
    [array([0., 0.]), 1]
    """
    if isinstance(value, dict):
        if _ARRAY in value:
            if not isinstance(value[_ARRAY], Tensor):
                raise TypeError(_ARRAY)
            return value[_ARRAY].detach().numpy()
        items = {key: from_plain(item) for key, item in value.items()}
        if type(value) is dict:
            return items
        same = Counter(items) if isinstance(value, Counter) else OrderedDict(items)
        vars(same).update(vars(value))
        return same
    if isinstance(value, (list, tuple)):
        return type(value)(map(from_plain, value))
    return value


def alone(tensor: Tensor) -> Tensor:
    """Return it without gradients, and alone in its memory: a file would hold all of that.

    Examples
    --------
    >>> alone(torch.zeros(1000)[:2]).untyped_storage().nbytes()
    8
    """
    tensor = tensor.detach()
    if tensor.layout is torch.strided:
        size = tensor.numel() * tensor.element_size()
        if tensor.untyped_storage().nbytes() > size:
            return tensor.clone()
    return tensor


def _array(value: np.ndarray[Any, Any], name: str) -> dict[str, Tensor]:
    if value.dtype.kind not in "biufc":
        raise InputError("not_plain", name=name, given=f"an array of {value.dtype}")
    native = value.dtype.newbyteorder("=")
    return {_ARRAY: torch.from_numpy(np.array(value, dtype=native, order="C"))}


def _mapping(value: Mapping[Any, Any], name: str) -> dict[Any, Any]:
    items = {_key(key, name): to_plain(item, _within(name, key)) for key, item in value.items()}
    if isinstance(value, OrderedDict):
        ordered = OrderedDict(items)
        # nn.Module.state_dict keeps the versions of the modules there.
        vars(ordered).update(to_plain(vars(value), name))
        return ordered
    return Counter(items) if isinstance(value, Counter) else items


def _key(key: object, name: str) -> object:
    if isinstance(key, tuple):
        return tuple(_key(part, name) for part in key)
    return key if type(key) in _ATOMS else _number(key, f"a key of {name}")


def _number(value: object, name: str) -> object:
    """Return what is more than a number or a text as no more than that."""
    if isinstance(value, np.generic):
        value = value.item()
    if type(value) in _ATOMS:
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    raise InputError("not_plain", name=name or "this", given=repr(type(value).__name__))


def _within(name: str, key: object) -> str:
    return f"{name}.{key}" if name else str(key)

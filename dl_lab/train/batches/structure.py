"""What a batch is made of: inputs for the model, targets for the loss, and where they lie."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from dl_lab.errors import InputError, shown


def split(batch: Any) -> tuple[Any, Any]:  # noqa: ANN401  # whatever a loader yields
    """Return a batch's inputs and targets.

    Parameters
    ----------
    batch
        ``(x, y)`` gives x and y; ``(x1, x2, …, y)`` gives ``(x1, x2, …)`` and y. A mapping is
        both, so that the model takes its entries by name and the loss finds its own in it. A lone
        tensor, ``(x,)`` too, is both, as an autoencoder wants it.

    Raises
    ------
    InputError
        Anything else.

    Examples
    --------
    >>> split((1, 2))
    (1, 2)
    >>> split([1, 2, 3])
    ((1, 2), 3)
    """
    if isinstance(batch, (tuple, list)) and not isinstance(batch, PackedSequence):
        if len(batch) == 2:  # noqa: PLR2004  # a pair
            return batch[0], batch[1]
        if len(batch) > 1:
            return tuple(batch[:-1]), batch[-1]
        if len(batch) == 1:
            return batch[0], batch[0]
    elif isinstance(batch, (Tensor, Mapping, PackedSequence)):
        return batch, batch
    raise InputError("batch_kind", given=described(batch))


def forward(model: Callable[..., Any], inputs: Any) -> Any:  # noqa: ANN401  # any module
    """Call the model: one tensor as it is, several in their order, a mapping by its names.

    Examples
    --------
    >>> forward(torch.nn.Bilinear(2, 3, 1), (torch.ones(5, 2), torch.ones(5, 3))).shape
    torch.Size([5, 1])
    """
    if isinstance(inputs, Tensor):
        return model(inputs)
    if isinstance(inputs, (tuple, list)) and not isinstance(inputs, PackedSequence):
        return model(*inputs)
    if isinstance(inputs, Mapping):
        return model(**inputs)
    return model(inputs)


def tensors(part: Any) -> list[Tensor]:  # noqa: ANN401  # nested as it likes
    """Return all tensors in a part of a batch, depth first.

    Examples
    --------
    >>> [tensor.item() for tensor in tensors({"a": torch.tensor(1), "b": [torch.tensor(2)]})]
    [1, 2]
    """
    if isinstance(part, Tensor):
        return [part]
    if isinstance(part, Mapping):
        part = part.values()
    elif not isinstance(part, (tuple, list)):
        return []
    return [tensor for item in part for tensor in tensors(item)]


def rows(*parts: Any) -> int:  # noqa: ANN401  # nested as they like
    """Return how many rows a batch has: the length that its tensors agree on, without 0-d ones.

    Parameters
    ----------
    *parts
        Of one batch. Where the first that has any tensors does not agree in itself, most of all
        tensors decide.

    Examples
    --------
    >>> rows(torch.zeros(4), torch.zeros(7, 4, 2)), rows(torch.tensor(7))
    (4, 1)
    >>> rows({"scale": torch.tensor(2.0), "steps": torch.zeros(7, 4), "lengths": torch.zeros(4),
    ...       "y": torch.zeros(4)})
    4
    """
    found: Counter[int] = Counter()
    for part in parts:
        found.update(_lengths(part))
        if len(found) == 1:
            break
    return max(found, key=found.__getitem__) if found else 1


def _lengths(part: Any) -> list[int]:  # noqa: ANN401  # as above
    if isinstance(part, Tensor):
        return [part.size(0)] if part.ndim else []
    if isinstance(part, PackedSequence):
        return [int(part.batch_sizes[0])]
    if isinstance(part, Mapping):
        part = part.values()
    elif not isinstance(part, (tuple, list)):
        return []
    elif part and all(isinstance(item, Mapping) for item in part):
        # One for each example, as the boxes in pictures.
        return [len(part)]
    return [length for item in part for length in _lengths(item)]


def cut(part: Any, start: int, stop: int) -> Any:  # noqa: ANN401  # nested as it likes
    """Return some of the rows of a part of a batch; all its tensors must have as many.

    Examples
    --------
    >>> cut({"a": torch.arange(4), "b": [torch.arange(4) * 2]}, 1, 3)
    {'a': tensor([1, 2]), 'b': [tensor([2, 4])]}
    """
    if isinstance(part, Tensor):
        return part[start:stop]
    if isinstance(part, Mapping):
        return {name: cut(value, start, stop) for name, value in part.items()}
    if isinstance(part, (tuple, list)):
        return type(part)([cut(item, start, stop) for item in part])
    return part


def can_be_cut(part: Any) -> bool:  # noqa: ANN401  # nested as it likes
    """Whether a part of a batch is plain containers of tensors that have equally many rows.

    Examples
    --------
    >>> can_be_cut((torch.ones(4, 2), torch.ones(4))), can_be_cut((torch.ones(4), torch.ones(3)))
    (True, False)
    """
    found = tensors(part)
    return bool(found) and _is_plain(part) and len({one.shape[:1] for one in found}) == 1


def _is_plain(part: object) -> bool:
    if type(part) is dict:
        return all(map(_is_plain, part.values()))
    if type(part) in {tuple, list}:
        return all(map(_is_plain, part))  # type: ignore[call-overload]  # a tuple or a list
    return isinstance(part, Tensor) and part.ndim > 0


def to_device(part: Any, device: torch.device) -> Any:  # noqa: ANN401  # nested as it likes
    """Return a part of a batch with all its tensors on `device`, copied without waiting.

    What lies there already comes back as the same object; what has no tensors does too.

    Examples
    --------
    >>> part = {"x": torch.ones(1)}
    >>> to_device(part, torch.device("cpu")) is part
    True
    >>> to_device(part, torch.device("meta"))["x"].device
    device(type='meta')
    """
    if isinstance(part, Tensor):
        return part if part.device == device else part.to(device, non_blocking=True)
    if isinstance(part, PackedSequence) or (isinstance(part, Mapping) and hasattr(part, "to")):
        movable: Any = part
        return movable.to(device)
    if isinstance(part, Mapping):
        moved = {name: to_device(value, device) for name, value in part.items()}
        same = all(moved[name] is value for name, value in part.items())
        return part if same else moved
    if isinstance(part, (tuple, list)):
        items = [to_device(item, device) for item in part]
        if all(map(_is, items, part)):
            return part
        named = isinstance(part, tuple) and hasattr(part, "_fields")
        return type(part)(*items) if named else type(part)(items)
    return part


def described(value: object) -> str:
    """Say what something is: kind, shape and type of a tensor, what containers hold.

    Examples
    --------
    >>> described((torch.zeros(4, 2), torch.zeros(4, dtype=torch.long)))
    '(tensor [4, 2] float32, tensor [4] int64)'
    """
    if isinstance(value, Tensor):
        where = "" if value.device.type == "cpu" else f" on {value.device}"
        return f"tensor {list(value.shape)} {kind_of(value)}{where}"
    if isinstance(value, Mapping):
        return "{" + _listed([f"{name!r}: {described(item)}" for name, item in value.items()]) + "}"
    if type(value) in {tuple, list}:
        inside = _listed([described(item) for item in value])  # type: ignore[attr-defined]  # one of both
        return f"({inside})" if isinstance(value, tuple) else f"[{inside}]"
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"{type(value).__module__}.{type(value).__name__} {list(value.shape)} {value.dtype}"
    text = shown(value)
    short = isinstance(value, (str, int, float, bool, type(None))) and len(text) < _SHORT
    return text if short else f"an object of type {type(value).__name__}"


def kind_of(tensor: Tensor) -> str:
    """Return a tensor's element type as people write it, without ``torch.``."""
    return str(tensor.dtype).removeprefix("torch.")


_SHORT = 40
_MOST_NAMED = 4


def _listed(items: list[str]) -> str:
    more = [f"and {len(items) - _MOST_NAMED} more"] if len(items) > _MOST_NAMED else []
    return ", ".join(items[:_MOST_NAMED] + more)


def _is(one: object, other: object) -> bool:
    return one is other

"""What objects held as plain values for a file; `dl_lab.kept.read` finds the way back.

A file can name no object, so everything goes by its place: what stood in a register goes into the
register at the same place. What a file cannot hold, such as a function, stays what it is there.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from enum import Enum
from functools import partial
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader

from dl_lab.errors import InputError

if TYPE_CHECKING:
    from dl_lab.kept.objects import Kept

KIND = "dl_lab_kind"
"""The key of a dictionary that stands for something else than a dictionary."""
LOOSE = "generators"
"""Where generators stand that no object holds."""
PLAIN = frozenset({type(None), bool, int, float, complex, str, bytes, torch.dtype, torch.device})


def written(
    kept: Kept,
    weights: dict[str, Tensor] | None = None,
    roots: Mapping[str, object] | None = None,
) -> dict[str, Any]:
    """Return what was kept as tensors on the CPU, arrays and plain values.

    Parameters
    ----------
    kept
        Of the objects. Optimizers come last among its roots: they name what the others have.
    weights
        Takes the tensors of the root ``"model"`` by their names; None leaves them in their places.
    roots
        What was kept, by name, where the copies do not say it themselves.
    """
    writer = _Writer(kept, weights)
    given = {**kept.roots, **kept.data} if roots is None else roots
    found = {name: writer.write(root, name) for name, root in given.items()}
    for name, generator in kept.loose.items():
        found[f"{LOOSE}/{name}"] = writer.write(generator, f"{LOOSE}/{name}")
    return found


class _Writer:
    def __init__(self, kept: Kept, weights: dict[str, Tensor] | None) -> None:
        self._kept = kept
        self._weights = weights
        self._places: dict[int, str] = {}

    def write(self, value: Any, place: str) -> Any:  # noqa: ANN401, C901, PLR0911  # any object; a branch a kind
        kind = type(value)
        if kind in PLAIN:
            return value
        if isinstance(value, np.generic):
            return {KIND: "scalar", "value": np.array(value)}
        if isinstance(value, Enum):
            return {KIND: "enum", **_class(kind), "name": value.name}
        if id(value) in self._places:
            return {KIND: "same", "as": self._places[id(value)]}
        if isinstance(value, (Tensor, nn.Module, DataLoader)) or id(value) in self._kept.registers:
            self._places[id(value)] = place
        if isinstance(value, Tensor):
            return self._tensor(value)
        if isinstance(value, nn.Module) and id(value) in self._kept.registers:
            return self._module(value, place)
        if isinstance(value, Optimizer):
            return self._optimizer(value, place)
        if isinstance(value, tuple):
            return self._tuple(value, place)
        if isinstance(value, (MethodType, partial, DataLoader)):
            return {
                KIND: "parts",
                "class": type(value).__name__,
                "parts": self._list(parts_of(value), place),
                "attributes": self._attributes(value, place),
            }
        if isinstance(value, FunctionType) and id(value) in self._kept.registers:
            cells = self._list([*(value.__closure__ or ())], f"{place}/()")
            return {KIND: "function", "cells": cells, "attributes": self._attributes(value, place)}
        return self._container(value, place)

    def _container(self, value: Any, place: str) -> Any:  # noqa: ANN401, PLR0911  # as above
        how, _, held = self._kept.registers.get(id(value), ("", None, None))
        name = type(value).__name__
        if how == "items":
            return self._items(value, held, place)
        if how == "list":
            items = self._list(held, place)
            if type(value) is list:
                return items
            return {KIND: "list", "class": name, "items": items, **self._beside(value, place)}
        members = held if how == "set" else value
        if isinstance(value, (set, frozenset)) and all(map(_is_value, members)):
            return {KIND: "set", "class": name, "items": self._list(members, place)}
        if how == "array":
            return self._array(held, place)
        if how == "cell":
            return {KIND: "cell", "value": self.write(held, f"{place}/cell")}
        if how in {"generator", "state_dict"}:
            return {KIND: how, "class": name, "state": copy.deepcopy(held)}
        if id(value) in self._kept.iterators:
            raise InputError("not_plain", name=place.replace("/", "."), given=repr(name))
        slots = self._kept.slots(value)
        if how == "attributes" or slots is not None:
            return {
                KIND: "object",
                "class": name,
                "attributes": self._attributes(value, place),
                "slots": self._named(slots or {}, f"{place}/slots"),
            }
        return {KIND: "fixed", "class": name}

    def _array(self, held: np.ndarray[Any, Any], place: str) -> Any:  # noqa: ANN401  # as above
        if held.dtype.kind in "biufc":
            return held
        found = {KIND: "array", "shape": held.shape}
        if held.dtype.hasobject:
            return {**found, "dtype": None, "items": self._list(held.ravel().tolist(), place)}
        return {**found, "dtype": np.lib.format.dtype_to_descr(held.dtype), "bytes": held.tobytes()}

    def _beside(self, value: Any, place: str) -> dict[str, Any]:  # noqa: ANN401  # as above
        """Return the attributes of a person's own list or dictionary."""
        found = self._kept.registers.get(("attributes of", id(value)))
        return {} if found is None else {"attributes": self._named(found[2], f"{place}/@")}

    def _tensor(self, tensor: Tensor) -> Any:  # noqa: ANN401  # a tensor or a dictionary
        kept = self._kept.values_of(tensor)
        if kept is None:
            return {KIND: "fixed", "class": "Tensor"}
        values = kept.to("cpu", copy=True)
        grad = self._kept.needs_gradient(tensor)
        if tensor.is_cpu and not grad:
            return values
        return {KIND: "tensor", "values": values, "away": not tensor.is_cpu, "grad": grad}

    def _module(self, module: nn.Module, place: str) -> dict[str, Any]:
        named = self._weights is not None and (place == "model" or place.startswith("model/"))
        prefix = ".".join(place.split("/")[1:])
        tensors: dict[str, dict[str, Any]] = {}
        for register in ("_parameters", "_buffers"):
            held = self._kept.held(vars(module)[register])
            tensors[register] = {}
            for name, tensor in held.items():
                there = f"{place}/{name}"
                if tensor is None:
                    tensors[register][name] = None
                elif not named:
                    tensors[register][name] = self.write(tensor, there)
                else:
                    assert self._weights is not None  # noqa: S101  # `named`
                    full = f"{prefix}.{name}" if prefix else name
                    same = self._places.setdefault(id(tensor), there)
                    values = self._kept.values_of(tensor)
                    assert values is not None  # noqa: S101  # all of them are kept
                    first = same == there
                    self._weights[full] = values.to("cpu", copy=True) if first else values
                    grad = self._kept.needs_gradient(tensor)
                    tensors[register][name] = (
                        {KIND: "weight", "grad": grad} if first else {KIND: "same", "as": same}
                    )
        children = self._kept.held(vars(module)["_modules"])
        return {
            KIND: "module",
            "class": type(module).__name__,
            **tensors,
            "_modules": {
                name: None if child is None else self.write(child, f"{place}/{name}")
                for name, child in children.items()
            },
            "attributes": self._attributes(module, place),
            "extra": copy.deepcopy(self._kept.extra_state(module)),
        }

    def _attributes(self, value: object, place: str) -> dict[str, Any]:
        found = self._kept.registers.get(id(value))
        return {} if found is None else self._named(found[2], f"{place}/@")

    def _named(self, values: Mapping[str, Any], place: str) -> dict[str, Any]:
        return {name: self.write(value, f"{place}/{name}") for name, value in values.items()}

    def _list(self, values: Any, place: str) -> list[Any]:  # noqa: ANN401  # any sequence
        return [self.write(value, f"{place}/{index}") for index, value in enumerate(values)]

    def _items(self, value: dict[Any, Any], held: dict[Any, Any], place: str) -> dict[Any, Any]:
        if type(value) is dict and KIND not in held and all(map(_is_key, held)):
            return {key: self.write(one, f"{place}/{key!r}") for key, one in held.items()}
        pairs = [
            [self.write(key, f"{place}/key {index}"), self.write(one, f"{place}/{index}")]
            for index, (key, one) in enumerate(held.items())
        ]
        name = type(value).__name__
        return {KIND: "items", "class": name, "pairs": pairs, **self._beside(value, place)}

    def _tuple(self, value: tuple[Any, ...], place: str) -> Any:  # noqa: ANN401  # a tuple or a dictionary
        items = self._list(value, place)
        if type(value) in {tuple, torch.Size}:
            return tuple(items)
        return {KIND: "tuple", **_class(type(value)), "items": items}

    def _optimizer(self, optimizer: Optimizer, place: str) -> dict[str, Any]:
        memory, groups = self._kept.registers[id(optimizer)][2]
        order: dict[int, int] = {}
        for _, members in groups:
            for parameter in members:
                order.setdefault(id(parameter), len(order))
        settings = [dict(settings) for settings in map(self._kept.settings_of, map(_first, groups))]
        return {
            KIND: "optimizer",
            "kind": type(optimizer).__name__,
            "names": [[self._name(one) for one in members] for _, members in groups],
            "state": {
                order.get(id(key), key): self._resolved(value) for key, value in memory.items()
            },
            "param_groups": [
                {**self._resolved(one), "params": [order[id(key)] for key in members]}
                for one, (_, members) in zip(settings, groups, strict=True)
            ],
            "attributes": self._named(self._kept.beside(optimizer), f"{place}/@"),
        }

    def _name(self, parameter: Tensor) -> str:
        """Return a parameter's name in the model, the place of another; empty if it has none."""
        place = self._places.get(id(parameter), "")
        return place.removeprefix("model/").replace("/", ".") if "model/" in place else place

    def _resolved(self, value: Any) -> Any:  # noqa: ANN401  # what an optimizer remembers
        """Return what was held, as an optimizer's own ``state_dict`` has it."""
        if isinstance(value, Tensor):
            kept = self._kept.values_of(value)
            return (value if kept is None else kept).detach().to("cpu", copy=True)
        if isinstance(value, dict):
            held = self._kept.held(value) or value
            return {key: self._resolved(one) for key, one in held.items()}
        if type(value) in {list, tuple}:
            found = self._kept.registers.get(id(value))
            held = value if found is None else found[2]
            return type(value)(self._resolved(one) for one in held)
        return copy.deepcopy(value)


def parts_of(value: Any) -> tuple[Any, ...]:  # noqa: ANN401  # any object
    """Return what a method, a partial function or a DataLoader is made of; of others nothing.

    Examples
    --------
    >>> parts_of(partial(max, 1, key=2)), parts_of(max)
    ((<built-in function max>, 1, 2), ())
    """
    if isinstance(value, DataLoader):
        return (
            value.sampler,
            value.batch_sampler,
            value.generator,
            value.collate_fn,
            value.dataset,
        )
    if isinstance(value, MethodType):
        return (value.__self__,)
    return (value.func, *value.args, *value.keywords.values()) if isinstance(value, partial) else ()


def _class(kind: type) -> dict[str, str]:
    return {"class": kind.__name__, "module": kind.__module__}


def _is_value(one: object) -> bool:
    """Whether a member of a set is no more than its value."""
    if isinstance(one, (tuple, frozenset)):
        return all(map(_is_value, one))
    return type(one) in PLAIN or isinstance(one, (Enum, np.generic))


def _is_key(key: object) -> bool:
    return type(key) in PLAIN or (type(key) is tuple and all(map(_is_key, key)))


def _first(pair: tuple[dict[str, Any], list[Any]]) -> dict[str, Any]:
    return pair[0]

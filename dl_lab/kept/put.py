"""How each kind of register is filled again with what stood in it, in place."""

from __future__ import annotations

import copy
import inspect
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import CellType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.utils.data import DataLoader

from dl_lab.kept.generators import set_state
from dl_lab.kept.kinds import (
    LOADER_ONLY,
    MODULE_ONLY,
    OPTIMIZER_ONLY,
    computing_hooks,
    slot_names,
)

if TYPE_CHECKING:
    from torch.optim import Optimizer

# What schedulers write into a group: they put it back themselves.
_SCHEDULED = frozenset({"initial_lr", "max_lr", "min_lr", "base_momentum", "max_momentum"})


def put_values(
    kept_tensors: Iterable[tuple[Tensor, torch.Size, Tensor]], *, if_changed: bool
) -> None:
    """Write copies back into their tensors; see `Kept.put_back`."""
    there: list[Tensor] = []
    here: list[Tensor] = []
    for tensor, shape, kept in kept_tensors:
        if tensor.shape != shape or tensor.dtype != kept.dtype or is_lazy(tensor):
            tensor.data = expanded(kept.to(tensor.device, copy=True), shape)
            continue
        target = own_memory(tensor)
        if target.shape != kept.shape:
            target.copy_(kept.expand(shape)[tuple(map(slice, target.shape))])
        elif if_changed and _equal(target, kept):
            continue
        elif _is_plain(target, kept):
            there.append(target.detach())
            here.append(kept)
        else:
            # What was made in inference mode can be written in that mode alone.
            with torch.inference_mode(target.is_inference()), torch.no_grad():
                target.copy_(kept)
    if there:
        torch._foreach_copy_(there, here)


def put_groups(
    optimizer: Optimizer,
    memory: dict[Any, Any],
    groups: Sequence[tuple[dict[str, Any], list[Any], Mapping[str, Any]]],
    *,
    settings: bool,
) -> None:
    """Give an optimizer its memory, its groups and their settings back; see `Kept.put_back`."""
    present = [{**group} for group in optimizer.param_groups]
    _put_items(optimizer.state, memory)
    optimizer.param_groups[:] = [group for group, _, _ in groups]
    for place, (group, members, kept) in enumerate(groups):
        group["params"] = list(members)
        stays: set[str] = set()
        if not settings and place < len(present):
            stays = present[place].keys() - _of_training(optimizer, kept) - {"params"}
            group.update({name: present[place][name] for name in stays})
        for name in group.keys() - kept.keys() - stays - {"params"}:
            del group[name]
        for name in kept.keys() - stays:
            _set_setting(group, name, kept[name])


def _of_training(optimizer: Optimizer, kept: Mapping[str, Any]) -> set[str]:
    """Return what an optimizer itself writes into its groups, rather than a person."""
    given = inspect.signature(type(optimizer)).parameters.keys()
    return set(kept) - given - _SCHEDULED


def expanded(kept: Tensor, shape: torch.Size) -> Tensor:
    """Return what `own_memory` made smaller in the tensor's shape; nothing else can be expanded."""
    return kept if kept.shape == shape else kept.expand(shape)


def own_memory(tensor: Tensor) -> Tensor:
    """Return as much of a tensor as has memory of its own: of what is expanded, one of each."""
    if tensor.layout is torch.strided and 0 in tensor.stride():
        for dim, (size, stride) in enumerate(zip(tensor.shape, tensor.stride(), strict=True)):
            if size > 1 and not stride:
                tensor = tensor.narrow(dim, 0, 1)
    return tensor


def _equal(one: Tensor, other: Tensor) -> bool:
    if one.device != other.device or one.layout is not torch.strided:
        return False
    return torch.equal(one, other)


def _is_plain(one: Tensor, other: Tensor) -> bool:
    same = one.layout is torch.strided and other.layout is torch.strided
    return same and not one.is_inference()


def _set_setting(group: dict[str, Any], name: str, value: Any) -> None:  # noqa: ANN401  # any setting
    there = group.get(name)
    if isinstance(there, Tensor) and isinstance(value, Tensor) and there.shape == value.shape:
        # Captured graphs and compiled steps read the tensor itself.
        there.copy_(value)
    else:
        group[name] = copy.deepcopy(value)


def _put_items(owner: dict[Any, Any], held: dict[Any, Any]) -> None:
    """Have a dictionary hold just that again, in this order."""
    if len(owner) == len(held) and all(
        one is other and owner[one] is held[other] for one, other in zip(owner, held, strict=True)
    ):
        return
    # Past what a subclass makes of it: the `update` of a Counter adds.
    own: Any = OrderedDict if isinstance(owner, OrderedDict) else dict
    for key in [key for key in owner if key not in held]:
        own.__delitem__(owner, key)
    if [*owner] != [*held]:
        own.clear(owner)
    for key, value in held.items():
        own.__setitem__(owner, key, value)


def _put_attributes(owner: object, held: dict[str, Any]) -> None:
    inside = vars(owner)
    hidden: frozenset[str] = frozenset()
    if isinstance(owner, nn.Module):
        hidden = MODULE_ONLY
    elif isinstance(owner, DataLoader):
        hidden = LOADER_ONLY
    for name in [name for name in inside if name not in held and name not in hidden]:
        del inside[name]
    for name, value in held.items():
        if name not in inside or inside[name] is not value:
            inside[name] = value


def _put_hooks(module: nn.Module, held: dict[int, Any]) -> None:
    """Have a module compute with these hooks of torch's own again."""
    present = module._forward_pre_hooks  # noqa: SLF001  # no public way
    for key in [key for key in computing_hooks(module) if key not in held]:
        del present[key]
    present.update(held)


def _put_optimizer_attributes(optimizer: Optimizer, held: dict[str, Any]) -> None:
    inside = vars(optimizer)
    for name in [name for name in inside if name not in held and name not in OPTIMIZER_ONLY]:
        del inside[name]
    inside.update(held)


def _put_slots(owner: object, held: dict[str, Any]) -> None:
    for name in slot_names(type(owner)):
        if name in held:
            object.__setattr__(owner, name, held[name])
        elif hasattr(owner, name):
            object.__delattr__(owner, name)


def _put_list(owner: Any, held: list[Any]) -> None:  # noqa: ANN401  # a list, a deque, bytes
    if len(owner) == len(held) and all(
        one is other for one, other in zip(owner, held, strict=True)
    ):
        return
    owner.clear()
    owner.extend(held)


def _put_set(owner: set[Any], held: set[Any]) -> None:
    if owner != held:
        owner.clear()
        owner.update(held)


def _put_array(owner: np.ndarray[Any, Any], held: np.ndarray[Any, Any]) -> None:
    if owner.shape != held.shape:
        owner.resize(held.shape, refcheck=False)
    np.copyto(owner, held)


def _put_cell(owner: CellType, held: object) -> None:
    owner.cell_contents = held


def _put_extra(module: nn.Module, held: object) -> None:
    module.set_extra_state(copy.deepcopy(held))


def _put_state_dict(owner: Any, held: object) -> None:  # noqa: ANN401  # of any library
    owner.load_state_dict(copy.deepcopy(held))


PUT: dict[str, Callable[[Any, Any], None]] = {
    "items": _put_items,
    "tensors": _put_items,
    "attributes": _put_attributes,
    "attributes of": _put_attributes,
    "optimizer attributes": _put_optimizer_attributes,
    "slots": _put_slots,
    "list": _put_list,
    "set": _put_set,
    "array": _put_array,
    "cell": _put_cell,
    "generator": set_state,
    "extra": _put_extra,
    "hooks": _put_hooks,
    "state_dict": _put_state_dict,
}


def with_fresh(held: Any, fresh: Mapping[int, Any]) -> Any:  # noqa: ANN401  # of any register
    """Return what stood in a register with iterators that have not gone on since."""
    if type(held) is dict:
        return {key: fresh.get(id(value), value) for key, value in held.items()}
    if type(held) is list:
        return [fresh.get(id(value), value) for value in held]
    return fresh.get(id(held), held)

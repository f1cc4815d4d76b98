"""The whole state of a run between two steps, as tensors and plain values, and back."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from dl_lab.errors import InputError
from dl_lab.train.checkpoint.plain_state import from_plain, to_plain
from dl_lab.train.steps.several import kind_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch.optim import Optimizer

VERSION = 1


def model_state(model: nn.Module) -> dict[str, Any]:
    """Copy parameters and all buffers to the CPU, those too that ``state_dict()`` leaves out."""
    state = dict(model.state_dict())
    others = {name: buffer for name, buffer in model.named_buffers() if name not in state}
    return {"state": copied(state), "buffers": copied(others)}


def optimizer_state(model: nn.Module, optimizer: Optimizer) -> dict[str, Any]:
    """Copy an optimizer's memory and settings to the CPU; its parameters by their names."""
    names = {parameter: name for name, parameter in model.named_parameters()}
    state: dict[str, Any] = copied(optimizer.state_dict())
    return {
        "kind": kind_of(optimizer),
        "names": [
            [names.get(parameter, "") for parameter in group["params"]]
            for group in optimizer.param_groups
        ],
        **state,
    }


def check_state(model: nn.Module, optimizer: Optimizer, state: Mapping[str, Any]) -> None:
    """Refuse the state of another model or another optimizer, before anything is changed.

    Raises
    ------
    InputError
        What differs, by name.
    """
    own = model.state_dict()
    kept: dict[str, Any] = state["model"]["state"]
    for name in [*kept, *own]:
        there = _shape(kept.get(name)) if name in kept else "missing"
        here = _shape(own.get(name)) if name in own else "missing"
        if there != here:
            raise InputError("other_model", name=name, there=there, here=here)
    kind = state["optimizer"]["kind"]
    if kind != kind_of(optimizer):
        raise InputError("other_kind", there=kind, here=kind_of(optimizer))
    groups = [len(group["params"]) for group in optimizer.param_groups]
    there_groups = [len(group["params"]) for group in state["optimizer"]["param_groups"]]
    if groups != there_groups:
        raise InputError("other_groups", there=there_groups, here=groups)


@torch.no_grad()
def restore_model(model: nn.Module, state: Mapping[str, Any]) -> None:
    """Write parameters and buffers back, into the very tensors that the model has."""
    model.load_state_dict(state["state"])
    buffers = dict(model.named_buffers())
    for name, kept in state["buffers"].items():
        if name in buffers:
            buffers[name].copy_(kept)


def restore_optimizer(optimizer: Optimizer, state: Mapping[str, Any]) -> None:
    """Give an optimizer its memory and settings back."""
    optimizer.load_state_dict(
        {"state": copied(state["state"]), "param_groups": copied(state["param_groups"])}
    )


def copied(value: Any) -> Any:  # noqa: ANN401  # whatever a state holds
    """Copy nested containers; tensors become copies on the CPU."""
    if isinstance(value, Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, dict):
        return {key: copied(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)) and type(value) in {list, tuple}:
        return type(value)(copied(item) for item in value)
    return copy.deepcopy(value)


def plain(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return a state that ``torch.load(weights_only=True)`` reads again once it is saved."""
    result: dict[str, Any] = to_plain(state)
    return result


def arrays(state: Mapping[str, Any]) -> dict[str, Any]:
    """Turn what `plain` made of numpy arrays back into those."""
    result: dict[str, Any] = from_plain(state)
    return result


def _shape(value: object) -> str:
    return f"{list(value.shape)}" if isinstance(value, Tensor) else type(value).__name__

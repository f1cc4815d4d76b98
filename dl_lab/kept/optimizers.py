"""Optimizers made of a written state, and tried, without the real one being touched."""

from __future__ import annotations

import copy
from collections import OrderedDict, defaultdict
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.optim import SparseAdam

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch.optim import Optimizer


def loaded(optimizer: Optimizer, groups: list[list[Tensor]], state: Mapping[str, Any]) -> Optimizer:
    """Return another optimizer of the same kind over these parameters, with a written state.

    Its own ``load_state_dict`` puts what it remembers where the parameters lie.
    """
    present = [*optimizer.param_groups]
    present += [optimizer.defaults] * (len(groups) - len(present))
    shell = _shell(
        optimizer,
        [
            {**group, "params": list(members)}
            for group, members in zip(present, groups, strict=False)
        ],
    )
    shell.load_state_dict(
        copy.deepcopy({"state": state["state"], "param_groups": state["param_groups"]})
    )
    return shell


def check_step(optimizer: Optimizer) -> None:
    """Do a step with it on copies of its parameters, with gradients of zero.

    What torch's optimizers remember and their settings are checked by nothing else. Nothing is
    raised where a step without any memory raises, too: it wants other gradients.
    """
    if not type(optimizer).__module__.startswith("torch.optim."):
        return
    try:
        _step(optimizer, optimizer.state)
    except Exception:
        try:
            _step(optimizer, {})
        except Exception:  # noqa: BLE001  # any that it likes
            if _settings_fit(optimizer):
                return
        raise


def _settings_fit(optimizer: Optimizer) -> bool:
    """Whether all settings are of the kinds that such an optimizer has by default."""
    return all(
        name in group and isinstance(group[name], (type(value), int, float, Tensor))
        for group in optimizer.param_groups
        for name, value in optimizer.defaults.items()
        if value is not None
    )


def _step(optimizer: Optimizer, memory: Mapping[Any, Any]) -> None:
    copies: dict[Tensor, Tensor] = {}
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            copies[parameter] = parameter.detach().clone().requires_grad_()
            copies[parameter].grad = _gradient(optimizer, copies[parameter])
    groups = [
        _copied({key: one for key, one in group.items() if key != "params"})
        | {"params": [copies[parameter] for parameter in group["params"]]}
        for group in optimizer.param_groups
    ]
    shell = _shell(optimizer, groups)
    for parameter, state in memory.items():
        shell.state[copies.get(parameter, parameter)] = _copied(state)
    if hasattr(shell, "_params"):
        shell._params = groups[0]["params"]  # noqa: SLF001  # of LBFGS
    shell.step(lambda: 0.0)


def _gradient(optimizer: Optimizer, parameter: Tensor) -> Tensor:
    if not isinstance(optimizer, SparseAdam) or not parameter.ndim:
        return torch.zeros_like(parameter)
    first = torch.zeros(1, 1, dtype=torch.long, device=parameter.device)
    return torch.sparse_coo_tensor(
        first, torch.zeros_like(parameter[:1]), parameter.shape, check_invariants=True
    )


def _copied(value: Any) -> Any:  # noqa: ANN401  # what an optimizer remembers
    # Not every device's tensors can be copied by `copy`.
    if isinstance(value, Tensor):
        return value.detach().clone()
    if type(value) is dict:
        return {key: _copied(one) for key, one in value.items()}
    if type(value) in {list, tuple}:
        return type(value)(map(_copied, value))
    return copy.deepcopy(value)


def _shell(optimizer: Optimizer, groups: list[dict[str, Any]]) -> Optimizer:
    shell: Optimizer = object.__new__(type(optimizer))
    # A scheduler replaces `step` on the instance.
    vars(shell).update({key: one for key, one in vars(optimizer).items() if key != "step"})
    shell.state = defaultdict(dict)
    shell.param_groups = groups
    for kind in ("step", "load_state_dict", "state_dict"):
        # A person's, of the real one, which may not have called `Optimizer.__init__`.
        setattr(shell, f"_optimizer_{kind}_pre_hooks", OrderedDict())
        setattr(shell, f"_optimizer_{kind}_post_hooks", OrderedDict())
    return shell

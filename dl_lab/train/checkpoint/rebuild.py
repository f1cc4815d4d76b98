"""A loss and an optimizer made anew from what a saved state tells of them."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.optim import Optimizer

from dl_lab.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dl_lab.train.steps.evaluate import Loss


def loss_name(loss: object) -> str | None:
    """Return the name by which `make_loss` finds a loss again; None if it cannot.

    Examples
    --------
    >>> loss_name(nn.MSELoss()), loss_name(nn.MSELoss(reduction="sum"))
    ('MSELoss', None)
    """
    name = getattr(loss, "__name__", None)
    if isinstance(name, str) and getattr(nn.functional, name, None) is loss:
        return name
    kind = type(loss)
    if isinstance(loss, nn.Module) and getattr(nn, kind.__name__, None) is kind:
        try:
            default = kind()
        except TypeError:
            return None
        return kind.__name__ if _settings(default) == _settings(loss) else None
    return None


def make_loss(state: Mapping[str, Any]) -> Loss:
    """Return the loss that a state names.

    Raises
    ------
    InputError
        It names none.
    """
    name = state.get("loss")
    if not isinstance(name, str) or name.startswith("_"):
        raise InputError("give_loss")
    found: Any = getattr(nn.functional, name, None)
    kind = getattr(nn, name, None)
    if inspect.isclass(kind) and issubclass(kind, nn.Module):
        found = kind()
    if not callable(found) or loss_name(found) != name:
        raise InputError("give_loss")
    loss: Loss = found
    return loss


def make_optimizer(model: nn.Module, loss: Loss, state: Mapping[str, Any]) -> Optimizer:
    """Return an optimizer of the state's kind over the parameters that it had when it was new.

    Raises
    ------
    InputError
        Its class is none of ``torch.optim``, or `model` or `loss` lacks a parameter.
    """
    kept = state["first"]["objects"]["optimizer"]
    kind: Any = getattr(torch.optim, str(kept["kind"]), None)
    parameters = dict(model.named_parameters())
    if isinstance(loss, nn.Module):
        own = loss.named_parameters()
        parameters |= {"/".join(["loss", *name.split(".")]): one for name, one in own}
    groups = []
    for names in kept["names"]:
        for name in names:
            if name not in parameters:
                raise InputError("lacks_parameter", name=name or "?")
        groups.append({"params": [parameters[name] for name in names]})
    if not inspect.isclass(kind) or not issubclass(kind, Optimizer):
        raise InputError("give_optimizer", kind=kept["kind"])
    # Some demand a rate; loading the state puts in the true one.
    make: Callable[..., Optimizer] = kind
    return make(groups, lr=1.0)


def _settings(module: nn.Module) -> dict[str, str]:
    return {name: repr(value) for name, value in vars(module).items() if name != "training"}

"""Gradient descent whose L1 regularization switches a link off when it pulls it over zero."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from dl_lab.errors import InputError, number
from dl_lab.train.learning_rate import HIGHEST_RATE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

REGULARIZATIONS = (None, "L1", "L2")

_LARGEST = 1e6


class RegularizedSGD(Optimizer):
    """Plain gradient descent with TensorFlow Playground's L1 and L2.

    With w the old weight and g the mean gradient, ``w1 = w - lr·g`` and
    ``w2 = w1 - lr·rate·R'(w)``. L2 has ``R'(w) = w`` and equals torch's ``weight_decay``. L1 has
    ``R'(w) = sign(w)``; where it pulls a weight over zero (``w1·w2 < 0``) the weight becomes 0
    and stays there: the link is dead until `revive`, or until a step without L1.

    Parameters
    ----------
    parameters
        A module, tensors, or parameter groups as in any torch optimizer. A module's parameters
        and single tensors make two groups: weights (two dimensions or more), which are
        regularized, and biases, which never are. A group says so by ``"regularized"``.
    lr
        Learning rate, 0 or more.
    regularization
        None, ``"L1"`` or ``"L2"``.
    regularization_rate
        0 or more.

    Raises
    ------
    InputError
        An unknown regularization, or a rate that is negative or no number.

    Notes
    -----
    Source: ``updateWeights`` in ``src/nn.ts`` of https://github.com/tensorflow/playground.
    Which links are dead is part of ``state_dict()``: 1 where dead, in the weight's shape.

    Examples
    --------
    >>> layer = nn.Linear(2, 1)
    >>> optimizer = RegularizedSGD(layer, lr=0.1, regularization="L2")
    >>> optimizer.regularization_rate = 0.01
    """

    def __init__(
        self,
        parameters: nn.Module | Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float = 0.03,
        *,
        regularization: str | None = None,
        regularization_rate: float = 0.0,
    ) -> None:
        given = list(parameters.parameters() if isinstance(parameters, nn.Module) else parameters)
        tensors = [item for item in given if isinstance(item, Tensor)]
        groups: list[dict[str, Any]] = [item for item in given if isinstance(item, dict)]
        if tensors:
            weights = [tensor for tensor in tensors if tensor.dim() > 1]
            biases = [tensor for tensor in tensors if tensor.dim() <= 1]
            groups = [
                {"params": weights, "regularized": True},
                {"params": biases, "regularized": False},
            ]
        super().__init__(
            groups,
            {
                "lr": number("lr", lr, 0, HIGHEST_RATE),
                "regularization": _known(regularization),
                "regularization_rate": number(
                    "regularization_rate", regularization_rate, 0, _LARGEST
                ),
                "regularized": True,
            },
        )

    @property
    def lr(self) -> float:
        """Learning rate; setting it sets it in every group."""
        return float(self.param_groups[0]["lr"])

    @lr.setter
    def lr(self, lr: float) -> None:
        self._set("lr", number("lr", lr, 0, HIGHEST_RATE))

    @property
    def regularization(self) -> str | None:
        """None, ``"L1"`` or ``"L2"``; setting it sets it in every group."""
        kind: str | None = self.param_groups[0]["regularization"]
        return kind

    @regularization.setter
    def regularization(self, kind: str | None) -> None:
        self._set("regularization", _known(kind))

    @property
    def regularization_rate(self) -> float:
        """How strong the regularization is; setting it sets it in every group."""
        return float(self.param_groups[0]["regularization_rate"])

    @regularization_rate.setter
    def regularization_rate(self, rate: float) -> None:
        self._set("regularization_rate", number("regularization_rate", rate, 0, _LARGEST))

    def _set(self, name: str, value: object) -> None:
        for group in self.param_groups:
            group[name] = value

    @overload
    def step(self, closure: None = None) -> None: ...

    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Update every parameter that has a gradient.

        Parameters
        ----------
        closure
            Computes the loss and its gradients anew, as for any torch optimizer.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            kind = group["regularization"] if group["regularized"] else None
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(
                        parameter, parameter.grad, group["lr"], kind, group["regularization_rate"]
                    )
        return loss

    def _update(
        self, parameter: Tensor, gradient: Tensor, lr: float, kind: str | None, rate: float
    ) -> None:
        state = self.state[parameter]
        if kind != "L1":
            # Without L1 a dead link learns again, and is not dead when L1 comes back.
            state.pop("dead", None)
            pull = parameter.mul(lr * rate) if kind == "L2" else None
            parameter.add_(gradient, alpha=-lr)
            if pull is not None:
                parameter.sub_(pull)
            return
        dead = state.setdefault("dead", torch.zeros_like(parameter))
        pull = parameter.sign().mul_(lr * rate)
        parameter.add_(gradient, alpha=-lr)
        pulled = parameter - pull
        dead.masked_fill_(parameter * pulled < 0, 1)
        parameter.copy_(pulled.masked_fill_(dead > 0, 0))

    def dead(self, parameter: Tensor) -> Tensor:
        """Which weights L1 switched off: a bool tensor in the parameter's shape."""
        dead: Tensor | None = self.state[parameter].get("dead") if parameter in self.state else None
        return torch.zeros_like(parameter, dtype=torch.bool) if dead is None else dead > 0

    def revive(self, parameter: Tensor, index: tuple[int, ...] | None = None) -> None:
        """Let a dead weight learn again, as after a person set it by hand.

        Parameters
        ----------
        parameter
            One of this optimizer's parameters.
        index
            Which of its weights, such as ``(unit, input)``; all of them by default.
        """
        dead: Tensor | None = self.state[parameter].get("dead") if parameter in self.state else None
        if dead is not None:
            dead[index if index is not None else ...] = 0


def _known(kind: str | None) -> str | None:
    if kind not in REGULARIZATIONS:
        raise InputError.unknown("regularization", kind, REGULARIZATIONS)
    return kind

"""A cost over the last number of a network: its value, and how hard it pulls on that number."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from dl_lab.errors import InputError, shortened, shown
from dl_lab.theory.costs.table import Cost, Settings
from dl_lab.theory.own import name_of

Output = Literal["identity", "sigmoid", "tanh"]
OwnCost = Callable[[Tensor, Tensor], Any]

POINTS = 481


@dataclass(frozen=True)
class Pull:
    """A cost over the logit z, f8 [n] each.

    Attributes
    ----------
    z
        The last number of the network, before the output's activation.
    prediction
        Behind the activation: what the cost is given.
    value
        The cost C.
    gradient
        dC/dŷ, by the prediction.
    arriving
        dC/dz, by the logit: what is left behind the activation's own slope.
    """

    z: Tensor
    prediction: Tensor
    value: Tensor
    gradient: Tensor
    arriving: Tensor


def pull(
    cost: Cost | OwnCost,
    target: float,
    settings: Settings,
    output: Output = "identity",
    reach: float = 6.0,
) -> Pull:
    """Return a cost over the logit from -reach to reach.

    Parameters
    ----------
    cost
        One of the table, or a function of (predictions, targets), which may return a cost for
        each or their mean, as a loss of `torch.nn` does.
    target
        What the prediction should be; where a cost cannot have it, the nearest that it can.
    settings
        Of the costs of the table.
    output
        The activation of the output, for costs of the prediction.
    reach
        The ends.

    Raises
    ------
    InputError
        The function fails, or returns no cost, or none that is a number.

    Examples
    --------
    >>> from dl_lab.theory.costs.table import COSTS
    >>> found = pull(COSTS["MSE"], 1.0, {}, "sigmoid")
    >>> found.z[40], found.arriving[40]
    (tensor(-5., dtype=torch.float64), tensor(-0.0132, dtype=torch.float64))
    """
    # Whole numbers are among them, where many a cost bends.
    z = torch.linspace(-reach, reach, POINTS, dtype=torch.float64).round(decimals=9)
    z.requires_grad_()
    given = "prediction" if not isinstance(cost, Cost) else cost.of
    with torch.enable_grad():
        if given == "probability" or (given == "prediction" and output == "sigmoid"):
            prediction = z.sigmoid()
        elif given == "prediction" and output == "tanh":
            prediction = z.tanh()
        else:
            prediction = z * 1.0
        if isinstance(cost, Cost):
            wanted = torch.full_like(z, cost.allowed(target)).detach()
            value = cost.value(prediction, wanted, settings)
        else:
            value = called(cost, prediction, torch.full_like(z, target).detach())
        gradient, arriving = torch.autograd.grad(value.sum(), [prediction, z])
    if not isinstance(cost, Cost):
        finite(cost, arriving, prediction.detach(), torch.full_like(z, target))
    return Pull(*(one.detach() for one in (z, prediction, value, gradient, arriving)))


def called(own: OwnCost, predictions: Tensor, targets: Tensor) -> Tensor:
    """Return a person's cost of each prediction, [n], or say why there is none."""
    value = tried(own, predictions, targets)
    if value.ndim == 0:
        # A mean or a sum: of one at a time it is the cost itself.
        value = torch.stack(
            [
                tried(own, predictions[i : i + 1], targets[i : i + 1]).reshape(())
                for i in range(len(predictions))
            ]
        )
    if value.shape != predictions.shape or not value.is_floating_point():
        raise InputError(
            "cost_shape",
            given=name_of(own),
            count=len(predictions),
            shape=list(value.shape),
            dtype=str(value.dtype).removeprefix("torch."),
        )
    if not value.requires_grad:
        raise InputError("cost_no_gradient", given=name_of(own))
    finite(own, value, predictions, targets)
    return value


def finite(own: OwnCost, values: Tensor, predictions: Tensor, targets: Tensor) -> None:
    """Say which prediction gives what is not finite, if one does."""
    values, predictions = values.detach(), predictions.detach()
    wrong = ~values.isfinite()
    if wrong.any():
        first = int(wrong.int().argmax())
        raise InputError(
            "cost_not_finite",
            given=name_of(own),
            value=str(float(values[first])),
            prediction=f"{float(predictions[first]):g}",
            target=f"{float(targets[first]):g}",
        )


def wants_classes(own: OwnCost) -> bool:
    """Return whether a person's cost is one of class indices; of single numbers otherwise.

    Raises
    ------
    InputError
        It is neither.

    Examples
    --------
    >>> wants_classes(torch.nn.CrossEntropyLoss()), wants_classes(torch.nn.MSELoss())
    (True, False)
    """
    predictions = torch.tensor([-1.0, 0.3, 0.6], dtype=torch.float64, requires_grad=True)
    with torch.enable_grad():
        try:
            value = called(own, predictions, torch.ones(3, dtype=torch.float64))
            # Cross-entropy takes them for the probabilities of one class, which is always right.
            (gradient,) = torch.autograd.grad(value.sum(), predictions)
        except InputError as error:
            refusal = error
        else:
            if gradient.abs().sum() > 0:
                return False
            refusal = InputError("cost_no_gradient", given=name_of(own))
        logits = torch.tensor([[1.0, 0.0, -1.0]], dtype=torch.float64, requires_grad=True)
        with contextlib.suppress(InputError):
            value = tried(own, logits, torch.tensor([0]))
            if value.numel() == 1 and value.requires_grad:
                return True
    raise refusal


def tried(own: OwnCost, predictions: Tensor, targets: Tensor) -> Tensor:
    """Return what a person's cost makes of tensors, or say that it fails."""
    try:
        value = own(predictions, targets)
    except Exception as error:
        raise InputError(
            "cost_failed",
            given=name_of(own),
            kind=type(error).__name__,
            detail=shortened(str(error)),
        ) from error
    if not isinstance(value, Tensor):
        raise InputError("cost_returned", given=name_of(own), result=shown(value))
    return value

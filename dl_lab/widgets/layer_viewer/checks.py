"""What a LayerViewer is given, checked."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn
from torch.nn import functional

from dl_lab.errors import InputError, whole
from dl_lab.probe.answer import are_classes, scores
from dl_lab.probe.capture import Capture
from dl_lab.probe.modules import original
from dl_lab.train.trainer import Trainer

MOST_DIMENSIONS = 63
"""More than a tensor has in practice."""


def checked_model(model: object) -> nn.Module:
    """Return the model, or refuse what is none."""
    if isinstance(model, type) and issubclass(model, nn.Module):
        raise InputError("model_class", given=model.__name__)
    if not isinstance(model, nn.Module):
        raise InputError("not_model", given=type(model).__name__)
    for name, module in model.named_modules():
        if isinstance(module, torch.jit.ScriptModule):
            raise InputError("script_module", name=name or "The model")
    return model


def checked_trainer(trainer: object, model: nn.Module) -> Trainer | None:
    """Return the trainer, or refuse one of another model."""
    if trainer is not None and not isinstance(trainer, Trainer):
        raise InputError("not_trainer", given=type(trainer).__name__)
    if trainer is not None:
        shown = (trainer.model, *trainer.models.values())
        if all(original(one) is not original(model) for one in shown):
            raise InputError("trainer_model")
    return trainer


def checked_batch_dim(given: object) -> int | list[int | None] | None:
    """Return the dimension of the examples: one, one for each tensor, or None to find it out."""
    if given is None:
        return None
    if isinstance(given, (list, tuple)):
        return [
            None if one is None else whole("batch_dim", one, 0, MOST_DIMENSIONS) for one in given
        ]
    return whole("batch_dim", given, 0, MOST_DIMENSIONS)


def checked_whole(given: object, batch_dim: object) -> bool:
    """Return whether all is one input; refuse it together with a dimension of examples."""
    if not isinstance(given, bool):
        raise InputError("yes_no", name="whole", given=repr(given))
    if given and batch_dim is not None:
        raise InputError("whole_or_batch")
    return given


def checked_classes(
    classes: Iterable[object] | None, seen: Capture, trainer: Trainer | None
) -> list[str]:
    """Return a name for each class; none of a network that does not choose between classes.

    Where names are given, it does: one that scores each pixel has the mean of the scores then.
    """
    if classes is None:
        # A network that differentiates within solves an equation.
        numbers = any(layer.kind == "grad" for layer in seen.layers)
        numbers = numbers or (trainer is not None and _measures_distance(trainer.loss))
        if numbers or not are_classes(seen.output, seen.inputs):
            return []
        return [str(index) for index in range(scores(seen.output).shape[1])]
    names = [str(name) for name in classes]
    try:
        count = scores(seen.output, len(names)).shape[1]
    except InputError:
        return []
    if len(names) != count:
        raise InputError("classes_count", given=len(names), count=count)
    return names


def _measures_distance(loss: object) -> bool:
    """Tell whether a loss compares numbers: what learns by it predicts them."""
    return isinstance(loss, _DISTANCES) or loss in _FUNCTIONS


_DISTANCES = (nn.MSELoss, nn.L1Loss, nn.SmoothL1Loss, nn.HuberLoss, nn.PoissonNLLLoss)
_FUNCTIONS = (
    functional.mse_loss,
    functional.l1_loss,
    functional.smooth_l1_loss,
    functional.huber_loss,
)
